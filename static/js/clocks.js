// Counts every <time data-due> down (or up once it has passed) by the second, on the server's clock.
(() => {
  const page = document.querySelector("[data-now]");
  let skew = page ? Date.parse(page.dataset.now) - Date.now() : 0;
  const words = (seconds) => {
    const s = Math.abs(Math.round(seconds));
    const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60), rest = s % 60;
    if (h >= 48) return `${Math.floor(h / 24)} d ${h % 24} h`;
    if (h) return `${h} h ${String(m).padStart(2, "0")} min`;
    return m ? `${m}:${String(rest).padStart(2, "0")} min` : `${rest} s`;
  };
  const tick = () => {
    const now = Date.now() + skew;
    for (const el of document.querySelectorAll("time[data-due]")) {
      const left = (Date.parse(el.dataset.due) - now) / 1000;
      el.textContent = left >= 0 ? `in ${words(left)}` : `${words(left)} over`;
      el.classList.toggle("over", left < 0);
      el.classList.toggle("soon", left >= 0 && left < 120);
    }
    for (const el of document.querySelectorAll("time[data-since]")) {
      el.textContent = words((now - Date.parse(el.dataset.since)) / 1000);
    }
  };
  tick();
  setInterval(tick, 1000);
  // Keep an opened form open, and what was typed in it, while the live part of the page is replaced.
  document.addEventListener("htmx:afterSwap", () => {
    const fresh = document.querySelector("[data-now]");
    if (fresh) skew = Date.parse(fresh.dataset.now) - Date.now();
    tick();
  });
})();
