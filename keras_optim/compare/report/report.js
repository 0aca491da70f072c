// Sorts a table by the column whose heading was pressed; cells hold their value in data-value.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const body = heading.closest("table").tBodies[0];
    const column = heading.cellIndex;
    const was = heading.getAttribute("aria-sort");
    const first = heading.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const now = was === first ? other : first;
    for (const th of heading.parentNode.cells) th.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", now);
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const missing = (text) => text === "";
    const rows = [...body.rows].sort((one, two) => {
      const [a, b] = [value(one), value(two)];
      if (missing(a) || missing(b)) return missing(a) - missing(b); // at the end, both ways
      const numbers = !isNaN(a) && !isNaN(b);
      const order = numbers ? a - b : a.localeCompare(b, undefined, { numeric: true });
      return now === "ascending" ? order : -order;
    });
    body.append(...rows);
  });
}
