"use strict";
// Tables that sort by a click on a column's name.
const number = (text) => {
  const plain = text.replace(/[,%]/g, "").replace("< ", "").trim();
  return plain !== "" && isFinite(plain) ? Number(plain) : null;
};
const compare = (one, other) => {
  const [a, b] = [number(one), number(other)];
  if (a !== null && b !== null) return a - b;
  if (a !== null || b !== null) return a === null ? 1 : -1;
  return one.localeCompare(other);
};
for (const table of document.querySelectorAll("table.segnb")) {
  const body = table.tBodies[0];
  if (!table.tHead || body.rows.length < 3) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) => compare(text(a), text(b)) * (falls ? -1 : 1));
      body.append(...rows);
    });
  });
}
// Tables that scroll are reached by the keyboard.
for (const box of document.querySelectorAll(".scroll")) {
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", box.querySelector("caption")?.textContent || "Table");
  }
}
// All code at once.
const toggle = document.getElementById("toggle-code");
if (toggle) {
  toggle.hidden = false;
  document.body.classList.add("folded");
  toggle.addEventListener("click", () => {
    const shown = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", shown);
    toggle.textContent = shown ? "Hide the code" : "Show the code";
    document.body.classList.toggle("folded", !shown);
    for (const code of document.querySelectorAll("details.code")) code.open = shown;
  });
}
// What is pointed at, or reached by the keyboard, of a segment: that segment in every figure and table.
const parts = document.querySelectorAll("[data-segment]");
const pick = (chosen) => {
  const segments = (chosen || "").split(" ");
  document.body.classList.toggle("picking", Boolean(chosen));
  for (const part of parts) part.classList.toggle("picked", part.dataset.segment.split(" ").some((one) => segments.includes(one)));
};
for (const event of ["pointerover", "focusin"]) {
  document.addEventListener(event, ({ target }) => pick(target.closest("[data-segment]")?.dataset.segment));
}
document.addEventListener("focusout", () => pick());
document.addEventListener("keydown", ({ key }) => key === "Escape" && pick());
