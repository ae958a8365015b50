/* The words for states, reasons and notes that logs, HTTP and metrics use. */
#include "tokend/refresh/core.h"

const char *refresh_state_name(enum refresh_state s)
{
    switch (s) {
    case REFRESH_FOLLOWING:
        return "following";
    case REFRESH_READING:
        return "reading";
    case REFRESH_ASSERTING:
        return "asserting";
    case REFRESH_HOLDING:
        return "holding";
    case REFRESH_WAITING:
        return "waiting";
    case REFRESH_PROBING:
        return "probing";
    case REFRESH_BEGINNING:
        return "beginning";
    case REFRESH_FETCHING:
        return "fetching";
    case REFRESH_COMMITTING:
        return "committing";
    case REFRESH_RECOMMIT:
        return "recommit";
    case REFRESH_SETTLING:
        return "settling";
    case REFRESH_TELLING:
        return "telling";
    }
    return "?";
}

const char *refresh_reason_name(enum refresh_reason r)
{
    switch (r) {
    case REFRESH_REASON_NONE:
        return "none";
    case REFRESH_REASON_NO_TOKEN:
        return "no_token";
    case REFRESH_REASON_UNRESOLVED:
        return "unresolved";
    case REFRESH_REASON_DEAD:
        return "dead";
    case REFRESH_REASON_ORDERED:
        return "ordered";
    case REFRESH_REASON_DUE:
        return "due";
    }
    return "?";
}

const char *refresh_note_name(enum refresh_note n)
{
    switch (n) {
    case REFRESH_NOTE_REPORTED:
        return "reported";
    case REFRESH_NOTE_FLAPPED:
        return "flapped";
    case REFRESH_NOTE_DISPLACED:
        return "displaced";
    case REFRESH_NOTE_EXPIRED:
        return "expired";
    case REFRESH_NOTE_RESTORED:
        return "restored";
    case REFRESH_NOTE_ORDERED:
        return "ordered";
    case REFRESH_NOTE_BUDGET:
        return "budget";
    case REFRESH_NOTE_NO_FORCE:
        return "force_refused";
    }
    return "?";
}
