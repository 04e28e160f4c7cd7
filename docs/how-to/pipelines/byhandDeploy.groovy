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
            byhand permit "$INTERVENTION"
            byhand redeem "$INTERVENTION" --point "$POINT" --new "$REVISION" --executor "$EXECUTOR" --output json > redeemed.json
            attempt=$(sed -n 's/.*"attempt": "\\([^"]*\\)".*/\\1/p' redeemed.json)
            if sh -c "$DEPLOY"; then result=applied; else result=failed; fi
            byhand conclude "$INTERVENTION" --point "$POINT" --result "$result" --attempt "$attempt"
            test "$result" = applied
            '''
        }
    }
}
