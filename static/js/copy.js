// Copies what stands beside the button, byte for byte; without a secure context by way of a hidden field.
(() => {
  const told = (button, words) => {
    const before = button.textContent;
    button.textContent = words;
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  const byField = (text) => {
    const field = document.createElement("textarea");
    field.value = text;
    field.setAttribute("readonly", "");
    field.className = "sr";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.parentElement.querySelector("code").textContent;
    let done = false;
    if (navigator.clipboard && window.isSecureContext) {
      done = await navigator.clipboard.writeText(text).then(() => true, () => false);
    }
    told(button, done || byField(text) ? "Copied" : "Select it by hand");
  });
})();
