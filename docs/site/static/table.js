// Filters and order of the table of all optimizers. Without this file it is a plain table.
"use strict";

const CHOSEN = ["family", "per weight", "unaffected by", "tuning"];

const number = (text) => {
  const found = text.replace("+", "").match(/^-?\d+(\.\d+)?$/);
  return found ? Number(found[0]) : NaN;
};

const compare = (first, second) => {
  if ((first === "-") !== (second === "-")) return first === "-" ? 1 : -1;
  const [a, b] = [number(first), number(second)];
  if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b;
  if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
  return first.localeCompare(second);
};

const labelled = (text, control) => {
  const label = document.createElement("label");
  label.append(text, control);
  return label;
};

const prepare = (table) => {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows].map((row) => ({
    row,
    texts: [...row.cells].map((cell) => cell.textContent.trim()),
  }));
  const names = heads.map((head) => head.textContent.trim());
  const filters = [];
  const bar = document.createElement("div");
  const count = document.createElement("output");
  bar.className = "filters";

  const show = () => {
    let shown = 0;
    for (const { row, texts } of rows) {
      row.hidden = !filters.every((passes) => passes(texts));
      shown += !row.hidden;
    }
    count.textContent = shown
      ? `${shown} of ${rows.length}`
      : "none fits: take a filter back";
  };

  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "name or idea";
  search.addEventListener("input", show);
  const [name, idea] = ["optimizer", "idea"].map((head) => names.indexOf(head));
  filters.push((texts) => {
    const asked = search.value.toLowerCase().trim();
    const plain = texts[name].toLowerCase();
    const words = texts[idea].toLowerCase().split(/[^\w-]+/);
    return (
      plain.includes(asked.replaceAll(/[\s-]/g, "")) ||
      asked.split(/\s+/).every((part) => words.some((word) => word.startsWith(part)))
    );
  });
  bar.append(labelled("text", search));

  for (const name of CHOSEN.filter((name) => names.includes(name))) {
    const column = names.indexOf(name);
    const parts = (texts) => texts[column].split(", ");
    const values = [...new Set(rows.flatMap(({ texts }) => parts(texts)))];
    if (name !== "family") values.sort(compare);
    const select = document.createElement("select");
    for (const value of ["", ...values]) {
      select.add(new Option(value === "" ? "any" : value === "-" ? "none" : value, value));
    }
    select.addEventListener("change", show);
    filters.push((texts) => select.value === "" || parts(texts).includes(select.value));
    bar.append(labelled(name, select));
  }
  bar.append(count);
  (table.closest(".table-wrapper") ?? table).before(bar);

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...(head.querySelector("p") ?? head).childNodes);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const sign = falls ? -1 : 1;
      const missing = (one) => one.texts[column] === "-"; // last in both orders
      rows.sort(
        (a, b) =>
          missing(a) - missing(b) || sign * compare(a.texts[column], b.texts[column]),
      );
      body.append(...rows.map(({ row }) => row));
    });
  });
  show();
};

const start = () => document.querySelectorAll(".filterable table").forEach(prepare);
document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
