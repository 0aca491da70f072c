// Order of the search's results: pages before their parts, guides before lists of changes.
"use strict";

const PLACES = [
  [/^guides\//, 6],
  [/^learn\//, 4],
  [/^optimizers\//, 3],
  [/^reference\//, 1],
  [/^(changelog|contributing|evidence|parity|performance|reliability|verify|readme)$/, -4],
];

const ASKED = (new URLSearchParams(window.location.search).get("q") ?? "")
  .toLowerCase()
  .split(/\s+/)
  .filter(Boolean);

var Scorer = {
  score: ([page, title, anchor, , score]) => {
    const place = PLACES.find(([pattern]) => pattern.test(page))?.[1] ?? 0;
    const named = ASKED.filter((word) => title.toLowerCase().includes(word)).length;
    return score + place + (anchor ? 0 : (12 * named) / Math.max(1, ASKED.length));
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
