// Jenkins shared library: vars/byhandDeploy.groovy
//
//   byhandDeploy(point: 'deploy-prod', revision: params.REVISION, intervention: params.INTERVENTION,
//                deploy: './deploy.sh "$REVISION"')
//
// The node needs byhand on its path, BYHAND_URL, and the workload's token in the credential byhand-token.
def call(Map wanted) {
    // The person who started this very run; a rebuild or a replay has a cause of its own.
    def cause = currentBuild.getBuildCauses('hudson.model.Cause$UserIdCause')
    if (!cause) { error 'nobody who is signed in started this build' }
    // Requests that waited in the queue may have become one run: whose it is cannot be told then.
    if (cause.size() != 1) { error 'several people started this one build: let one of them start it anew' }
    withCredentials([file(credentialsId: 'byhand-token', variable: 'BYHAND_TOKEN_FILE')]) {
        withEnv([
            "BYHAND_ON_BEHALF_OF=jenkins:${cause[0].userId}",
            "INTERVENTION=${wanted.intervention}",
            "POINT=${wanted.point}",
            "REVISION=${wanted.revision}",
            "DEPLOY=${wanted.deploy}",
            "EXECUTOR=${env.BUILD_URL}",
        ]) {
            sh '''
            set -eu
            byhand permit -- "$INTERVENTION"
            redeemed=$(byhand redeem --point="$POINT" --new="$REVISION" --executor="$EXECUTOR" --output=json -- "$INTERVENTION")
            attempt=$(printf '%s' "$redeemed" | sed -n 's/.*"attempt": "\\([^"]*\\)".*/\\1/p')
            test -n "$attempt"
            if (unset BYHAND_TOKEN_FILE BYHAND_ON_BEHALF_OF; exec sh -c "$DEPLOY"); then result=applied; else result=failed; fi
            tries=30
            while
              code=0
              byhand conclude --point="$POINT" --result="$result" --attempt="$attempt" -- "$INTERVENTION" || code=$?
              tries=$((tries - 1))
              test "$code" = 6 && test "$tries" -gt 0
            do sleep "${PAUSE:-10}"; done
            test "$code" = 0
            test "$result" = applied
            '''
        }
    }
}
