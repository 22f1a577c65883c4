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
