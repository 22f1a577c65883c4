"""The few words that Opscenter itself writes into a document, in the languages documents have."""

from datetime import timedelta

WORDS: dict[str, dict[str, str]] = {
    "en": {"not_given": "not given", "none": "none", "day": "d", "hour": "h", "minute": "min", "second": "s",
           "by": "by", "until": "until", "page": "Page", "of": "of", "version": "version", "more": "more on the page",
           "open": "open", "made": "as of", "missed": "missed", "met": "in time", "pending": "running"},
    "id": {"not_given": "tidak diisi", "none": "tidak ada", "day": "hari", "hour": "jam", "minute": "menit",
           "second": "detik", "by": "oleh", "until": "sampai", "page": "Halaman", "of": "dari", "version": "versi",
           "more": "lagi di halaman insiden", "open": "terbuka", "made": "per", "missed": "terlewat",
           "met": "tepat waktu", "pending": "berjalan"},
    "ru": {"not_given": "не указано", "none": "нет", "day": "д", "hour": "ч", "minute": "мин", "second": "с",
           "by": "кто:", "until": "до", "page": "Страница", "of": "из", "version": "версия", "more": "ещё на странице",
           "open": "открыт", "made": "на", "missed": "пропущен", "met": "в срок", "pending": "идёт"},
    "nl": {"not_given": "niet ingevuld", "none": "geen", "day": "d", "hour": "u", "minute": "min", "second": "s",
           "by": "door", "until": "tot", "page": "Pagina", "of": "van", "version": "versie",
           "more": "meer op de pagina", "open": "open", "made": "stand van", "missed": "gemist",
           "met": "op tijd", "pending": "loopt"},
}  # fmt: skip
CATEGORIES: dict[str, dict[str, str]] = {
    "en": {"immediate": "Immediate fixes", "long_term": "Long-term improvements",
           "monitoring": "Monitoring enhancements", "process": "Process updates"},
    "id": {"immediate": "Perbaikan segera", "long_term": "Perbaikan jangka panjang",
           "monitoring": "Penambahan pemantauan", "process": "Perubahan proses"},
    "ru": {"immediate": "Срочные исправления", "long_term": "Долгосрочные улучшения",
           "monitoring": "Улучшения мониторинга", "process": "Изменения процесса"},
    "nl": {"immediate": "Directe oplossingen", "long_term": "Verbeteringen op lange termijn",
           "monitoring": "Verbeterde monitoring", "process": "Aangepaste werkwijze"},
}  # fmt: skip
LANGUAGES = tuple(WORDS)


def known(language: str) -> str:
    """The language itself, or English for one that there are no words of: `nl-BE` is `nl`."""
    short = language.lower().replace("_", "-").partition("-")[0]
    return short if short in WORDS else "en"


def words_of(language: str) -> dict[str, str]:
    return WORDS[known(language)]


def length(time: timedelta, language: str) -> str:
    """`50 min`, `1 h 5 min`, `2 d 3 h`, `40 s`: rounded down to minutes, below one to seconds."""
    words = words_of(language)
    seconds = max(int(time.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} {words['second']}"
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    return " ".join(f"{number} {words[unit]}" for number, unit in parts if number)
