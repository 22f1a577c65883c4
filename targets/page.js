// Fetches the changing part anew, keeps opened folds and the keyboard's place, and pulls levers without a jump.
const live = document.getElementById('live');
const away = document.getElementById('away');
let last = live.innerHTML;
let pressed = false;  // a button replaced between press and release would lose its click

function age(time) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time.dateTime)) / 1000));
  if (seconds < 60) return seconds + ' s ago';
  return seconds < 3600 ? Math.floor(seconds / 60) + ' min ago' : time.title;
}

function ages() {
  document.querySelectorAll('time').forEach(time => { time.textContent = age(time); });
}

function show(text) {
  const open = [...live.querySelectorAll('details[open]')].map(fold => fold.id);
  const held = document.activeElement?.id;
  live.innerHTML = last = text;
  open.forEach(id => document.getElementById(id)?.setAttribute('open', ''));
  if (held) document.getElementById(held)?.focus();
}

async function fresh() {
  try {
    const answer = await fetch('?part=live');
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (text !== last && !pressed) show(text);
    away.hidden = true;
  } catch { away.hidden = false; }
  ages();
}

document.addEventListener('submit', async event => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  try {
    const answer = await fetch(event.target.action, {method: 'POST', body});
    if (!answer.ok) alert(await answer.text());
  } catch { away.hidden = false; }
  fresh();
});

document.addEventListener('pointerdown', () => { pressed = true; });
['pointerup', 'pointercancel'].forEach(end => document.addEventListener(end, () => { pressed = false; }));
setInterval(fresh, 1500);
ages();
