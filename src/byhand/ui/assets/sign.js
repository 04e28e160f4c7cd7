// SPDX-License-Identifier: Apache-2.0
// Statements that a passkey signs on a page: what the page shows is what they say, byte for byte.
"use strict";
const unbase64url = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const now = () => new Date().toISOString().replace("Z", "000Z");
const nonce = () => hex(crypto.getRandomValues(new Uint8Array(32)));

// The envelope of a statement's text with one more signature, by a passkey of the person signed in.
async function signed(kind, text, own, earlier = []) {
  const keys = JSON.parse(own); // fingerprints by the ids that authenticators know
  const allowed = Object.keys(keys).map((id) => ({ type: "public-key", id: unbase64url(id) }));
  const { rawId, response } = await askFor(kind, text, allowed);
  return JSON.stringify({ payloadType: `application/vnd.byhand.${kind}.v1+json`, payload: base64(utf8(text)), signatures: [...earlier, {
    keyid: keys[base64url(rawId)], format: "webauthn", sig: base64(response.signature),
    authenticatorData: base64(response.authenticatorData), clientDataJSON: base64(response.clientDataJSON) }] });
}

acts.enrol = async (form) => {
  const { code, log, key, bound, own, proposed, me, roles } = form.dataset;
  const earlier = proposed ? JSON.parse(proposed) : null;
  const person = form.person?.value.trim();
  const text = earlier ? new TextDecoder().decode(unbase64url(earlier.payload)) : canonical({
    _type: "https://byhand.dev/statement/enrolment/v1", origin: log, person, key, device_bound: bound === "yes",
    roles: person === me ? JSON.parse(roles) : [], nonce: nonce(), time: now() });
  const statement = await signed("enrolment", text, own, earlier?.signatures);
  const name = form.called?.value.trim() || undefined;
  const told = await ask("POST", `/v1/passkeys/${code}/enrolment`, { statement, display_name: name });
  form.hidden = true;
  say(told.enrolled ? "It is enrolled: it signs in and signs from now on." : `Signed. Another officer must sign within a day, at this page or with: byhand person add ${person} --passkey ${code}`);
};
