// Tells, while symptoms are ticked, which level is proposed. The server judges again; without a script a button asks it.
"use strict";
for (const form of document.querySelectorAll("form.declare")) {
  const told = form.querySelector("[data-proposal]");
  if (!told) continue;
  for (const button of form.querySelectorAll("[data-without-script]")) button.hidden = true;
  const tell = () => {
    const seen = [...form.querySelectorAll("input[name=symptoms]:checked")];
    const graded = seen.filter((box) => box.dataset.rank !== undefined);
    graded.sort((one, other) => Number(one.dataset.rank) - Number(other.dataset.rank));
    told.replaceChildren();
    if (!graded.length) {
      told.append("Nothing is ticked that proposes a level.");
      return;
    }
    const strong = document.createElement("strong");
    strong.append(`Proposed: ${graded[0].dataset.name}`);
    const labels = graded.map((box) => box.closest("label").querySelector("span > span").textContent);
    told.append(strong, ` ${labels.join("; ")}`);
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "symptoms") tell();
  });
}
