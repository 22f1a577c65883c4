// Counts [data-due] down (up once it has passed) and [data-since] up by the second, on the server's clock,
// and adds the viewer's local time to every <time>.
(() => {
  const now = () => Date.now() + skew;
  const stated = document.querySelector("[data-now]");
  let skew = stated ? Date.parse(stated.dataset.now) - Date.now() : 0;

  const two = (number) => String(number).padStart(2, "0");
  const words = (length) => {
    const s = Math.floor(length), h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
    if (h >= 48) return `${Math.floor(h / 24)} d ${h % 24} h`;
    if (h) return `${h} h ${two(m)} min`;
    return m ? `${m}:${two(s % 60)} min` : `${s} s`;
  };
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const count = () => {
    for (const element of document.querySelectorAll("[data-due]")) {
      // rounded up, so that 0 s is the instant itself and not the second before it
      const left = Math.ceil((Date.parse(element.dataset.due) - now()) / 1000);
      write(element, left >= 0 ? `in ${words(left)}` : `${words(-left)} over`);
      element.classList.toggle("over", left < 0);
      element.classList.toggle("soon", left >= 0 && left < 120);
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      write(element, words(Math.max(0, (now() - Date.parse(element.dataset.since)) / 1000)));
    }
  };

  const local = () => {
    for (const element of document.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(element.dateTime);
      element.dataset.local = "";
      if (!at.getTimezoneOffset()) continue;
      const seconds = element.classList.contains("clock");
      element.dataset.local = `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ""}`;
      element.title += `, here ${at.toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" })}`;
    }
  };

  const refresh = () => {
    local();
    count();
  };
  const tick = () => {
    count();
    setTimeout(tick, 1000 - (now() % 1000) + 5);
  };
  document.addEventListener("opscenter:refresh", (event) => {
    if (event.detail) skew = Date.parse(event.detail) - Date.now();
    refresh();
  });
  refresh();
  tick();
})();
