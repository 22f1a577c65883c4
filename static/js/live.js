// Keeps a page that is looked at true without moving it: asks only while it is seen, says when no answer comes, and
// guards the hand that was about to press a button which has just been replaced.
(() => {
  const live = () => document.getElementById("live");
  const settle = 1000;
  let answered = Date.now();

  const show = (id, yes) => {
    const notice = document.getElementById(id);
    if (notice) notice.hidden = !yes;
  };
  const stale = () => {
    const at = new Date(answered).toISOString().slice(11, 19);
    document.querySelector("[data-stale]").textContent = `${at} UTC`;
    show("stale", true);
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr } = event.detail;
    if (xhr.status === 200 || xhr.status === 204) {
      answered = Date.now();
      show("stale", false);
      show("logged-out", false);
      const detail = xhr.getResponseHeader("X-Now");
      document.dispatchEvent(new CustomEvent("opscenter:refresh", { detail }));
    } else if (xhr.status === 401 || xhr.responseURL.includes("/login/")) {
      show("logged-out", true);
    } else {
      stale();
    }
  });
  // a login page that a redirect led to is no news
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.responseURL.includes("/login/")) event.detail.shouldSwap = false;
  });

  // What one reads or types in stays where it is on the screen; not every browser does that by itself, so none is left to.
  let held = null;
  const hold = () => {
    const { activeElement, body, documentElement } = document;
    const near = ["#timeline > li", "main h2"].flatMap((places) => [...document.querySelectorAll(places)]);
    if (activeElement !== body && activeElement.closest("main")) near.unshift(activeElement);
    const seen = near.map((element) => ({ element, top: element.getBoundingClientRect().top }));
    const height = documentElement.clientHeight;
    held = scrollY > 0 ? seen.find(({ element, top }) => element.id !== "main" && top >= 0 && top < height) : null;
  };
  const restore = () => {
    if (held?.element.isConnected) scrollBy(0, held.element.getBoundingClientRect().top - held.top);
    held = null;
  };
  document.addEventListener("htmx:beforeSwap", hold);
  document.addEventListener("htmx:afterRequest", restore);

  const swapped = (element) => {
    const fresh = element.matches("[data-settle]") ? element : element.querySelector("[data-settle]");
    if (fresh) {
      fresh.classList.add("settling");
      setTimeout(() => fresh.classList.remove("settling"), settle);
    }
    moved();
  };
  document.addEventListener("htmx:oobAfterSwap", (event) => swapped(event.detail.elt));
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.elt.id === "live") swapped(event.detail.elt);
  });

  // Somebody else has moved the incident: offer its present actions, but never take away what is being typed.
  const moved = () => {
    const tools = document.getElementById("tools"), head = document.querySelector("header[data-status]");
    if (tools && head) tools.querySelector(".moved").hidden = tools.dataset.status === head.dataset.status;
  };

  const look = () => {
    if (!document.hidden && live()) htmx.trigger(live(), "refresh");
  };
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pageshow", (event) => event.persisted && look());

  // A nervous thumb sends a form once.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
