"""Documents offered for every incident whose policy has none of that kind: three, in each language."""

import re

from .languages import LANGUAGES

LABELS: dict[str, dict[str, str]] = {
    "en": {
        "report": "Incident report", "summary": "Summary", "start": "Start", "end": "End", "duration": "Duration",
        "level": "Level", "impact": "Impact", "users": "Users affected", "services": "Services",
        "affected": "Affected for", "cause": "Root cause", "timeline": "Timeline", "actions": "Action items",
        "learnt": "Lessons learned", "well": "What went well", "improve": "What to improve",
        "executive": "Executive summary", "happened": "What happened", "who": "Whom it met", "next": "What follows",
        "missed": "Targets that were missed", "handoff": "Hand-off", "now": "How it stands", "people": "Who does what",
        "todo": "What is open", "clocks": "Clocks", "decisions": "Decisions", "risks": "Remaining risks",
        "status": "State", "eta": "Estimate", "update": "Next update", "lately": "What happened last",
        "tickets": "Tickets", "of": "of incident", "still": "not over yet", "decided": "Decisions and risks",
        "owner": "owner", "due": "due",
    },
    "id": {
        "report": "Laporan insiden", "summary": "Ringkasan", "start": "Mulai", "end": "Selesai", "duration": "Durasi",
        "level": "Tingkat", "impact": "Dampak", "users": "Pengguna terdampak", "services": "Layanan",
        "affected": "Terdampak selama", "cause": "Akar masalah", "timeline": "Linimasa", "actions": "Tindak lanjut",
        "learnt": "Pelajaran", "well": "Yang berjalan baik", "improve": "Yang perlu diperbaiki",
        "executive": "Ringkasan eksekutif", "happened": "Apa yang terjadi", "who": "Siapa yang terdampak",
        "next": "Langkah berikutnya", "missed": "Target yang terlewat", "handoff": "Serah terima",
        "now": "Keadaan sekarang", "people": "Siapa mengerjakan apa", "todo": "Yang masih terbuka",
        "clocks": "Tenggat", "decisions": "Keputusan", "risks": "Risiko tersisa", "status": "Status",
        "eta": "Perkiraan selesai", "update": "Pembaruan berikutnya", "lately": "Kejadian terakhir",
        "tickets": "Tiket", "of": "insiden", "still": "belum selesai", "decided": "Keputusan dan risiko",
        "owner": "penanggung jawab", "due": "tenggat",
    },
    "ru": {
        "report": "Отчёт об инциденте", "summary": "Сводка", "start": "Начало", "end": "Окончание",
        "duration": "Длительность", "level": "Уровень", "impact": "Последствия", "users": "Затронуто пользователей",
        "services": "Сервисы", "affected": "Затронуты в течение", "cause": "Первопричина", "timeline": "Хронология",
        "actions": "Задачи", "learnt": "Выводы", "well": "Что прошло хорошо", "improve": "Что улучшить",
        "executive": "Краткая сводка для руководства", "happened": "Что произошло", "who": "Кого это затронуло",
        "next": "Что дальше", "missed": "Пропущенные сроки", "handoff": "Передача смены", "now": "Текущее состояние",
        "people": "Кто чем занят", "todo": "Что осталось сделать", "clocks": "Сроки", "decisions": "Решения",
        "risks": "Оставшиеся риски", "status": "Состояние", "eta": "Оценка", "update": "Следующее сообщение",
        "lately": "Последние события", "tickets": "Тикеты", "of": "по инциденту", "still": "ещё не завершён",
        "decided": "Решения и риски", "owner": "ответственный", "due": "срок",
    },
    "nl": {
        "report": "Incidentrapport", "summary": "Samenvatting", "start": "Begin", "end": "Einde", "duration": "Duur",
        "level": "Niveau", "impact": "Impact", "users": "Getroffen gebruikers", "services": "Diensten",
        "affected": "Getroffen gedurende", "cause": "Eindoorzaak", "timeline": "Tijdlijn", "actions": "Actiepunten",
        "learnt": "Lessen", "well": "Wat ging goed", "improve": "Wat kan beter", "executive": "Managementsamenvatting",
        "happened": "Wat is er gebeurd", "who": "Wie heeft er last van gehad", "next": "Wat volgt",
        "missed": "Gemiste doelen", "handoff": "Overdracht", "now": "Stand van zaken", "people": "Wie doet wat",
        "todo": "Wat staat open", "clocks": "Klokken", "decisions": "Beslissingen", "risks": "Resterende risico’s",
        "status": "Status", "eta": "Verwachting", "update": "Volgende update", "lately": "Wat het laatst gebeurde",
        "tickets": "Tickets", "of": "van incident", "still": "nog niet voorbij", "decided": "Beslissingen en risico’s",
        "owner": "eigenaar", "due": "uiterlijk",
    },
}  # fmt: skip
ACTIONS = """\
{% for action in actions %}
- {{ action.box }} {{ action.label }}: {{ action.title }} (@owner@: {{ action.owner }}, @due@: {{ action.due }})\
{{ action.source }}
{% endfor %}"""
ENTRIES = """\
{% for entry in WHICH %}
- {{ entry.clock }}{% if entry.by and entry.by not in entry.text %} {{ entry.by }}:{% endif %} {{ entry.text }}\
{{ entry.source }}
{% endfor %}"""
DECIDED = """\
{% for entry in decisions %}
- @decisions@: {{ entry.text }} ({{ entry.clock }}{% if entry.by %}, {{ entry.by }}{% endif %}){{ entry.source }}
{% endfor %}
{% for entry in risks %}
- @risks@: {{ entry.text }} ({{ entry.clock }}{% if entry.by %}, {{ entry.by }}{% endif %}){{ entry.source }}
{% endfor %}"""
CAUSE = """\
{{ answers.root_cause or answers.cause or cause }}

{{ answers.whys or '' }}

{{ answers.factors or '' }}"""
REPORT = (
    ("summary", "@summary@", """\
- @start@: {{ start }}
- @end@: {{ end }}
- @duration@: {{ duration }}
- @level@: {{ severity }}

{{ review.summary or summary or '' }}"""),
    ("impact", "@impact@", """\
- @users@: {{ users }}
- @services@: {{ services }}
- @affected@: {{ affected_for }}

{{ answers.impact or impact }}"""),
    ("cause", "@cause@", CAUSE),
    ("timeline", "@timeline@", ENTRIES.replace("WHICH", "timeline") + "{{ timeline_rest }}"),
    ("actions", "@actions@", ACTIONS),
    ("learnt", "@learnt@", """\
- @well@: {{ answers.went_well }}
- @improve@: {{ answers.improve or answers.went_badly or answers.prevention }}
{% if answers.prevention and (answers.improve or answers.went_badly) %}
- @next@: {{ answers.prevention }}
{% endif %}"""),
)  # fmt: skip
EXECUTIVE = (
    ("happened", "@happened@", """\
{{ answers.summary or review.summary or summary or title }}

- @status@: {{ status }}
- @level@: {{ level }}
- @start@: {{ start }}
- @end@: {% if end %}{{ end }}{% else %}@still@{% endif %}
- @duration@: {{ duration or age }}"""),
    ("who", "@who@", """\
{{ answers.business or answers.impact or impact }}

- @users@: {{ users }}
- @services@: {{ services }}
- @affected@: {{ affected_for }}"""),
    ("cause", "@cause@", "{{ answers.root_cause or answers.cause or cause }}"),
    ("next", "@next@", ACTIONS),
    ("missed", "@missed@", """\
{% for target in targets %}{% if target.missed %}
- {{ target.kind }}: {{ target.due }}{% if target.why_late %}. {{ target.why_late }}{% endif %}
{% endif %}{% endfor %}"""),
)  # fmt: skip
HANDOFF = (
    ("now", "@now@", """\
- @status@: {{ status }}
- @level@: {{ severity }}
- @start@: {{ start }}
- @duration@: {{ duration or age }}
- @eta@: {{ eta }}
- @update@: {{ next_update }}

{{ summary or '' }}

{{ impact or '' }}"""),
    ("people", "@people@", """\
{% for role in roles %}{% if not role.until %}
- {{ role.role }}: {{ role.name }}
{% endif %}{% endfor %}"""),
    ("todo", "@todo@", """\
{% for task in tasks %}{% if not task.done %}
- [ ] {{ task.text }}
{% endif %}{% endfor %}
{% for action in actions %}{% if not action.done %}
- [ ] {{ action.title }} (@owner@: {{ action.owner }}, @due@: {{ action.due }}){{ action.source }}
{% endif %}{% endfor %}"""),
    ("clocks", "@clocks@", """\
{% for target in targets %}
- {{ target.kind }}: {{ target.state }}, {{ target.due }}
{% endfor %}"""),
    ("decided", "@decided@", DECIDED),
    ("tickets", "@tickets@", """\
{% for ticket in tickets %}
- {{ ticket.key }}: {{ ticket.status }}{{ ticket.source }}
{% endfor %}"""),
    ("lately", "@lately@", ENTRIES.replace("WHICH", "timeline[-10:]")),
)  # fmt: skip
DOCUMENTS = (
    ("incident-report", "@report@", "@report@: {{ date }} - {{ title }}", REPORT),
    ("executive-summary", "@executive@", "@executive@: {{ title }}", EXECUTIVE),
    ("hand-off", "@handoff@", "@handoff@ @of@ #{{ number }}: {{ title }}", HANDOFF),
)


def _in(language: str, text: str) -> str:
    return re.sub(r"@(\w+)@", lambda found: LABELS[language][found[1]], text)


def _each_in(language: str, part: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_in(language, one) for one in part)


STANDARD = {
    language: tuple(
        (
            key,
            _in(language, name),
            _in(language, title),
            tuple(_each_in(language, part) for part in parts),
        )
        for key, name, title, parts in DOCUMENTS
    )
    for language in LANGUAGES
}
"""By language: key, name, title and parts (key, heading, text) of each."""
