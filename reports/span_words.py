"""Words of the executive summary, in the languages documents have."""

SPAN: dict[str, dict[str, str]] = {
    "en": {
        "executive": "Executive summary", "short": "In short", "incidents": "Incidents", "false": "False positives",
        "acknowledge": "Time to acknowledge (median)", "mitigate": "Time to mitigate (median)",
        "resolve": "Time to resolve (median)", "targets": "Response targets met", "before": "the days before",
        "by_level": "By level", "level": "Level", "gravest": "The gravest incidents", "owed": "What is overdue",
        "review": "Review of", "action": "Action item", "nobody": "nobody",
    },
    "id": {
        "executive": "Ringkasan eksekutif", "short": "Singkatnya", "incidents": "Insiden", "false": "Alarm palsu",
        "acknowledge": "Waktu hingga ditanggapi (median)", "mitigate": "Waktu hingga mitigasi (median)",
        "resolve": "Waktu hingga pulih (median)", "targets": "Target respons terpenuhi",
        "before": "periode sebelumnya", "by_level": "Per tingkat", "level": "Tingkat",
        "gravest": "Insiden terberat", "owed": "Yang terlambat", "review": "Tinjauan", "action": "Tindak lanjut",
        "nobody": "belum ada",
    },
    "ru": {
        "executive": "Краткая сводка для руководства", "short": "Коротко", "incidents": "Инциденты",
        "false": "Ложные срабатывания", "acknowledge": "Время до реакции (медиана)",
        "mitigate": "Время до смягчения (медиана)", "resolve": "Время до восстановления (медиана)",
        "targets": "Сроки соблюдены", "before": "предыдущий период", "by_level": "По уровням", "level": "Уровень",
        "gravest": "Самые тяжёлые инциденты", "owed": "Что просрочено", "review": "Разбор", "action": "Задача",
        "nobody": "никто",
    },
    "nl": {
        "executive": "Managementsamenvatting", "short": "In het kort", "incidents": "Incidenten",
        "false": "Vals alarm", "acknowledge": "Tijd tot bevestiging (mediaan)",
        "mitigate": "Tijd tot beperking (mediaan)", "resolve": "Tijd tot herstel (mediaan)",
        "targets": "Responsdoelen gehaald", "before": "de periode ervoor", "by_level": "Per niveau",
        "level": "Niveau", "gravest": "De zwaarste incidenten", "owed": "Wat te laat is", "review": "Review van",
        "action": "Actiepunt", "nobody": "niemand",
    },
}  # fmt: skip
