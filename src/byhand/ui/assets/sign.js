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

// The code of a passkey's line, as byhand computes it: what people compare names the very key that is signed for.
async function codeOf(line) {
  const blob = Uint8Array.from(atob(line.split(" ")[1]), (one) => one.charCodeAt(0));
  const bits = [...(await sha256(blob)).slice(0, 10)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const letters = bits.match(/.{5}/g).map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five, 2)]).join(""); // RFC 4648
  return letters.match(/.{4}/g).join("-");
}

// What an earlier officer proposed: signed again only if it says what the page shows, of this very key.
function proposal(payload, key, log) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(unbase64url(payload)), said = JSON.parse(text);
  const shown = [$("#for").textContent, $("#granted").textContent, key, log];
  const signs = [said.person, said.roles.join(", ") || "no role", said.key, said.origin];
  if (text !== canonical(said) || signs.some((one, at) => one !== shown[at])) throw new Error("The proposal says something else than this page shows: nothing was signed.");
  return { text, said };
}

acts.enrol = async (form) => {
  const { log, key, bound, own, proposed, me, roles } = form.dataset;
  const code = $("#shown-code").textContent;
  if (await codeOf(key) !== code) throw new Error("This is another passkey than the one with that code: nothing was signed. Do not enrol it: somebody exchanged it.");
  const earlier = proposed ? JSON.parse(proposed) : null;
  const person = form.person?.value.trim();
  const fresh = () => ({ _type: "https://byhand.dev/statement/enrolment/v1", origin: log, person, key, device_bound: bound === "yes",
    roles: person === me ? JSON.parse(roles) : [], nonce: nonce(), time: now() });
  const { text, said } = earlier ? proposal(earlier.payload, key, log) : ((one) => ({ text: canonical(one), said: one }))(fresh());
  const statement = await signed("enrolment", text, own, earlier?.signatures);
  const name = form.called?.value.trim() || undefined;
  const told = await ask("POST", `/v1/passkeys/${code}/enrolment`, { statement, display_name: name });
  form.hidden = true;
  say(told.enrolled ? "It is enrolled: it signs in and signs from now on." : `Signed. Another officer must sign within a day, at this page or with: byhand person add ${said.person} --passkey ${code}`);
};

// A record's id: UUIDv7 (RFC 9562). Sent again with the same id, a decision gets the same answer.
function recordId() {
  const time = Date.now().toString(16).padStart(12, "0"), random = hex(crypto.getRandomValues(new Uint8Array(10)));
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${"89ab"[parseInt(random[3], 16) & 3]}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

// A decision over the intent that this browser has recomputed: where it stands comes from that, not from the server.
acts.decide = async (form, button) => {
  if (recomputed === null) throw new Error("This page could not be checked: nothing was signed.");
  const { log, me, policy, requirement, own } = form.dataset, decision = button.value;
  const meaning = form.meaning.value.replace(/\s+/g, " ").trim() || button.dataset.meaning;
  if (!meaning) { form.meaning.focus(); throw new Error("Say why you refuse."); }
  const { record, leaf, index, size, root } = recomputed;
  // Where the record names no policy or requirement, the log alone judges what the server said; it does so with every decision.
  const { policy: ruled = policy, requirement: required = requirement } = record.decision ?? {};
  if (leaf !== form.dataset.asked || policy !== ruled || requirement !== required) throw new Error("The server asks for a signature over something else than this page shows: nothing was signed.");
  const statement = { _type: "https://byhand.dev/statement/approval/v1", origin: log, record: record.id, intent_index: index,
    intent_leaf: leaf, decision, meaning, person: me, requirement, policy, seen_size: size, seen_root: root, nonce: nonce(),
    expires: record.declaration.expires };
  const text = canonical(statement);
  const digest = hex(await sha256(pae("approval", text)));
  $("#statement").replaceChildren(...Object.entries({ ...statement, "SHA-256 of what is signed": digest }).flatMap(([name, value]) =>
    [["dt", name.replaceAll("_", " ")], ["dd", value]].map(([kind, said]) => Object.assign(document.createElement(kind), { textContent: said }))));
  $("#statement").closest("details").open = true;
  const envelope = await signed("approval", text, own);
  await ask("POST", `/v1/interventions/${record.id}/approvals`, { record: recordId(), statement: envelope });
  location.reload();
};
