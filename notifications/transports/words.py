"""The few words that a channel adds itself: how to answer, and the labels of its buttons."""

VOICES = {"en": "en-US", "id": "id-ID", "ru": "ru-RU", "nl": "nl-NL"}
"""Language tags that Twilio's voices know."""

ASKS = {
    "en": {
        "sms": "Reply: {number} ack or {number} resolve",
        "voice": "Press 4 to acknowledge, 5 to escalate, 6 to resolve, 1 for no more calls.",
    },
    "id": {
        "sms": "Balas: {number} ack (ambil) atau {number} resolve (selesai)",
        "voice": "Tekan 4 untuk mengambil, 5 untuk meneruskan, 6 untuk menyelesaikan, 1 untuk berhenti ditelepon.",
    },
    "ru": {
        "sms": "Ответ: {number} ack (беру) или {number} resolve (решено)",
        "voice": "Нажмите 4, чтобы принять, 5, чтобы передать дальше, 6, чтобы закрыть, 1, чтобы больше не звонили.",
    },
    "nl": {
        "sms": "Antwoord: {number} ack (neem aan) of {number} resolve (opgelost)",
        "voice": "Druk op 4 om aan te nemen, op 5 om door te geven, op 6 als het opgelost is, op 1 voor geen bel meer.",
    },
}


def ask_in(language: str, channel: str) -> str:
    """How to answer by `channel`, in `language` or else in English."""
    return ASKS.get(language, ASKS["en"])[channel]


ANSWERS = {
    "en": {
        "help": "Answer with the number of the incident and ack, resolve or escalate: 12 ack. STOP ends messages.",
        "nobody": "Nobody here knows this sender.",
        "no_right": "You were not asked about incident #{number} and may not act on it.",
        "no_incident": "There is no open incident that you were paged for.",
        "acknowledged": "Incident #{number} is yours: {title}",
        "resolved": "Incident #{number} is resolved: {title}",
        "escalated": "Incident #{number} was passed on: {title}",
        "stopped": "No more messages come to this number. Answer START to undo that.",
        "started": "Messages come to this number again.",
        "bye": "Goodbye.",
        "unknown_key": "That key means nothing.",
    },
    "id": {
        "help": "Balas dengan nomor insiden dan ack, resolve atau escalate: 12 ack. STOP menghentikan pesan.",
        "nobody": "Pengirim ini tidak dikenal.",
        "no_right": "Anda tidak diminta menangani insiden #{number}.",
        "no_incident": "Tidak ada insiden terbuka untuk Anda.",
        "acknowledged": "Insiden #{number} Anda tangani: {title}",
        "resolved": "Insiden #{number} selesai: {title}",
        "escalated": "Insiden #{number} diteruskan: {title}",
        "stopped": "Tidak ada pesan lagi ke nomor ini. Balas START untuk membatalkan.",
        "started": "Pesan dikirim lagi ke nomor ini.",
        "bye": "Terima kasih.",
        "unknown_key": "Tombol itu tidak berlaku.",
    },
    "ru": {
        "help": "Ответьте номером инцидента и словом ack, resolve или escalate: 12 ack. STOP прекращает сообщения.",
        "nobody": "Этот отправитель здесь неизвестен.",
        "no_right": "Вас не вызывали по инциденту #{number}.",
        "no_incident": "Нет открытых инцидентов, по которым вас вызывали.",
        "acknowledged": "Инцидент #{number} ваш: {title}",
        "resolved": "Инцидент #{number} закрыт: {title}",
        "escalated": "Инцидент #{number} передан дальше: {title}",
        "stopped": "Сообщений на этот номер больше не будет. Ответьте START, чтобы вернуть их.",
        "started": "Сообщения снова приходят на этот номер.",
        "bye": "До свидания.",
        "unknown_key": "Такой клавиши нет.",
    },
    "nl": {
        "help": "Antwoord met het incidentnummer en ack, resolve of escalate: 12 ack. STOP beëindigt berichten.",
        "nobody": "Niemand hier kent deze afzender.",
        "no_right": "U bent niet gevraagd voor incident #{number} en kunt er niets aan doen.",
        "no_incident": "Er is geen open incident waarvoor u bent opgeroepen.",
        "acknowledged": "Incident #{number} is van u: {title}",
        "resolved": "Incident #{number} is opgelost: {title}",
        "escalated": "Incident #{number} is doorgegeven: {title}",
        "stopped": "Er komen geen berichten meer naar dit nummer. Antwoord START om dat terug te draaien.",
        "started": "Er komen weer berichten naar dit nummer.",
        "bye": "Tot ziens.",
        "unknown_key": "Die toets betekent niets.",
    },
}


def answer_in(language: str, what: str, **facts: object) -> str:
    """What is said to whoever answered, in `language` or else in English."""
    return ANSWERS.get(language, ANSWERS["en"])[what].format(**facts)
