// SPDX-License-Identifier: Apache-2.0
// Recomputes the entry that a page shows: the record's bytes, their commitment, the leaf, its place under a root, and
// that this root continues the one which this browser saw before. Then it writes what those bytes say into the exact values
// and every other data-field; the rest of the page, the large figure of the change too, stays what the server made of it.
"use strict";
const LEFT_OUT = { "target/environment": "production", "target/tier": "high" }; // a record's bytes leave these out
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const node = (left, right) => sha256(join([1], left, right));
const equal = (one, other) => hex(one) === hex(other);

async function rootOf(index, size, leaf, path) { // RFC 9162, 2.1.3.2
  let [place, last, found] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) throw new Error("the path is too long");
    if (place % 2 === 1 || place === last) {
      found = await node(sibling, found);
      while (place !== 0 && place % 2 === 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else found = await node(found, sibling);
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new Error("the path is too short");
  return found;
}

async function continues(old, size, root, hashes) { // RFC 9162, 2.1.4.2
  const path = Number.isInteger(Math.log2(old.size)) ? [unhex(old.root), ...hashes] : [...hashes];
  let [place, last] = [old.size - 1, size - 1];
  while (place % 2 === 1) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  let [before, after] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      [before, after] = [await node(sibling, before), await node(sibling, after)];
      while (place !== 0 && place % 2 === 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else after = await node(after, sibling);
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 && hex(before) === old.root && equal(after, root);
}

async function remembered(log, size, root) {
  const key = `byhand ${log}`;
  const old = JSON.parse(localStorage.getItem(key) ?? "null");
  if (old !== null && old.size === size && old.root !== hex(root)) throw new Error("this log shows another history than before");
  if (old !== null && old.size !== size) {
    const [low, high] = [Math.min(old.size, size), Math.max(old.size, size)];
    const { hashes } = await ask("GET", `/v1/log/consistency?old=${low}&new=${high}`);
    const [first, then] = old.size < size ? [old, root] : [{ size, root: hex(root) }, unhex(old.root)];
    if (!await continues(first, high, then, hashes.map(unhex))) throw new Error("this log shows another history than before");
  }
  if (old === null || old.size < size) localStorage.setItem(key, JSON.stringify({ size, root: hex(root) }));
  return old;
}

function show(element, text) { // as the server does: what cannot be seen is spelt out
  const hidden = /([^\P{C}\n]|\p{Default_Ignorable_Code_Point}|\u2800|\p{Zl}|\p{Zp}|[^\P{Zs} ])/u;
  element.replaceChildren(...text.split(hidden).filter(Boolean).map((part) => {
    if (!hidden.test(part)) return part;
    const code = part.codePointAt(0);
    const short = { 9: "\\t", 13: "\\r" }[code];
    const spelt = document.createElement("span");
    spelt.className = "hidden";
    spelt.textContent = short ?? (code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : code < 65536
      ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`);
    return spelt;
  }));
}

function said(record, field) { // of a value that the record does not hold itself: why, or its digest
  const names = field.split("/"), at = (path) => path.reduce((part, name) => part?.[name], record);
  const { form = "inline", digest } = at(names.slice(0, -1)) ?? {};
  return at(names) ?? (form === "inline" ? undefined : form === "reference" ? `$reference sha256:${digest}` : `$${form}`);
}

async function check(section) {
  const { body, salt, sections, leaf, index, size, root, path, log } = section.dataset;
  const key = await crypto.subtle.importKey("raw", unhex(salt), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const committed = await crypto.subtle.sign("HMAC", key, utf8(`byhand/payload/v1\n${body}`));
  if (JSON.parse(sections)[0].join() !== `body,${hex(committed)}`) throw new Error("the record is not the one committed to");
  if (JSON.parse(leaf).commitment !== hex(await sha256(utf8(sections)))) throw new Error("the entry commits to something else");
  const hash = await sha256(join([0], utf8(leaf)));
  const found = await rootOf(Number(index), Number(size), hash, path ? path.split(" ").map(unhex) : []);
  if (hex(found) !== root) throw new Error("the entry is not under the root that the server named");
  const before = await remembered(log, Number(size), found);
  const record = JSON.parse(body);
  for (const element of document.querySelectorAll("[data-field]")) {
    show(element, String(said(record, element.dataset.field) ?? LEFT_OUT[element.dataset.field] ?? ""));
  }
  return { record, leaf: hex(hash), index: Number(index), size: Number(size), root: hex(found), before };
}

let recomputed = null; // what was found, once it holds
document.addEventListener("DOMContentLoaded", async () => {
  const section = $("[data-leaf]");
  if (section === null) return;
  const told = $("#checked");
  try {
    recomputed = await check(section);
    const { index, size, before } = recomputed;
    told.textContent = `This browser recomputed entry ${index} and shows its exact values above; it stands among the log's ${size} entries`
      + (before === null ? ", seen for the first time." : `, which continue the ${before.size} that it saw before.`);
    section.dataset.checked = "yes";
  } catch (error) {
    told.textContent = `Do not rely on this page: ${error.message}.`;
    section.dataset.checked = "no";
  }
});
