// Says under the matchers of a silence how many firing alerts they match, while they are typed.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector("textarea[data-preview]");
  if (!field) return;
  const policy = document.querySelector("[name=policy]");
  const words = document.createElement("p");
  words.setAttribute("role", "status");
  words.className = "mt-2 font-medium";
  field.after(words);
  const base = window.location.pathname.replace(/(add|[^/]+\/change)\/$/, "");
  let waiting = 0, asked = 0;
  const ask = async () => {
    const turn = ++asked;
    if (!field.value.trim() && !field.dataset.with) { words.textContent = ""; return; }
    const query = new URLSearchParams({ matchers: field.value, policy: policy ? policy.value : "" });
    for (const name of (field.dataset.with || "").split(" ").filter(Boolean)) {
      const input = document.querySelector(`[name=${name}]`);
      if (input) query.set(name, input.value);
    }
    const answer = await fetch(`${base}${field.dataset.preview}?${query}`, { headers: { Accept: "application/json" } });
    if (turn !== asked || !answer.ok) return;
    const told = await answer.json();
    words.textContent = told.words;
    words.classList.toggle("text-red-600", told.grave);
    words.classList.toggle("dark:text-red-400", told.grave);
  };
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(ask, 300); };
  field.addEventListener("input", soon);
  if (policy) policy.addEventListener("change", soon);
  for (const name of (field.dataset.with || "").split(" ").filter(Boolean)) {
    for (const input of document.querySelectorAll(`[name=${name}]`)) {
      input.addEventListener("input", soon);
      input.addEventListener("change", soon);
    }
  }
  ask();
});
