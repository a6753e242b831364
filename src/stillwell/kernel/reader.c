/* Reads JSON objects into typed columns where they are written plainly; all else it leaves to the full way.
 *
 * It never judges. A record is *read* when its payload is one JSON object (RFC 8259, UTF-8) whose declared members are of the
 * kinds that their columns hold, so that each value is exactly what the full way would make of it. Whatever is seldom
 * (a key twice, an exponent of three digits, a year 0) is simply not read. Nothing is allocated here and no byte
 * beyond `end` is touched. `reader.py` calls it; a property test and a fuzzer hold it to the full way.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t byte;

enum { TEXT, DOUBLE, INTEGER, BOOLEAN, INSTANT, DATE, TOKEN, WRITTEN };

/* What a column is, and where it goes: an Arrow array of `values` and `valid` bits; texts have offsets as values. */
typedef struct {
    const byte *name;
    int64_t name_length;
    int32_t kind;
    int32_t zoned; /* an instant has to say its offset; else none means UTC */
    void *values;
    byte *valid;
    byte *text;
    int64_t text_length;
} Column;

typedef struct {
    Column *columns;
    int32_t count;
    int32_t strict; /* numbers stand in no text, every member is declared */
} Shape;

enum { DEEPEST = 64 };

static const byte *blank(const byte *at, const byte *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    return at;
}

static bool digit(byte one) { return (byte)(one - '0') < 10; }

/* ---- texts ---- */

static int hexadecimal(const byte *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        byte one = at[i], letter = one | 0x20;
        if (digit(one)) value = value * 16 + one - '0';
        else if (letter >= 'a' && letter <= 'f') value = value * 16 + letter - 'a' + 10;
        else return -1;
    }
    return value;
}

static int encode(uint32_t point, byte *out) {
    if (point < 0x80) return out[0] = (byte)point, 1;
    if (point < 0x800) return out[0] = (byte)(0xC0 | point >> 6), out[1] = (byte)(0x80 | (point & 63)), 2;
    int size = point < 0x10000 ? 3 : 4;
    for (int i = size - 1; i > 0; i--, point >>= 6) out[i] = (byte)(0x80 | (point & 63));
    out[0] = (byte)((size == 3 ? 0xE0 : 0xF0) | point);
    return size;
}

/* The length of the UTF-8 sequence at `at`, 0 where it is none (Unicode 15, table 3-7). */
static int sequence(const byte *at, const byte *end) {
    byte first = at[0];
    int size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (!size || end - at < size) return 0;
    byte low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80, high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high) return 0;
    for (int i = 2; i < size; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    return size;
}

/* An escape after the backslash at `at`: writes what it means, moves `at` beyond it. */
static int escape(const byte **at, const byte *end, byte *out) {
    const byte *here = *at + 1;
    if (here >= end) return 0;
    static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (*here != 'u') {
        const char *found = *here ? strchr(written, *here) : 0;
        if (!found) return 0;
        *at = here + 1;
        return out[0] = (byte)meant[found - written], 1;
    }
    if (end - here < 5) return 0;
    int point = hexadecimal(here + 1);
    here += 5;
    if (point >= 0xD800 && point < 0xDC00) {
        int low = end - here >= 6 && here[0] == '\\' && here[1] == 'u' ? hexadecimal(here + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) return 0;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        here += 6;
    } else if (point <= 0 || (point >= 0xDC00 && point <= 0xDFFF)) {
        return 0;
    }
    *at = here;
    return encode((uint32_t)point, out);
}

#define EACH(one) (0x0101010101010101ULL * (one))

/* Whether none of eight bytes ends a run of plain characters: a quote, a backslash, a control, anything beyond ASCII. */
static bool plain_eight(const byte *at) {
    uint64_t eight;
    memcpy(&eight, at, 8);
    uint64_t quote = eight ^ EACH('"'), slash = eight ^ EACH('\\');
    uint64_t stops = (quote - EACH(1)) | (slash - EACH(1)) | (eight - EACH(0x20)) | eight;
    return !(stops & EACH(0x80));
}

/* A text after its opening quote; gives the place after the closing one, or 0. `out` (room for `end - at`) may be 0. */
static const byte *text(const byte *at, const byte *end, byte *out, int64_t *length) {
    const byte *begin = at;
    byte *to = out, scratch[4];
    for (;;) {
        while (end - at >= 8 && plain_eight(at)) at += 8;
        while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
        if (out) memcpy(to, begin, (size_t)(at - begin)), to += at - begin;
        if (at >= end || *at < 0x20) return 0;
        if (*at == '"') break;
        if (*at == '\\') {
            int size = escape(&at, end, out ? to : scratch);
            if (!size) return 0;
            to += out ? size : 0;
            begin = at;
        } else {
            int size = sequence(at, end);
            if (!size) return 0;
            begin = at;
            at += size;
            if (out) memcpy(to, begin, (size_t)size), to += size;
            begin = at;
        }
    }
    if (out) *length = to - out;
    return at + 1;
}

/* ---- numbers ---- */

typedef struct {
    const byte *end; /* 0: not read */
    bool whole;      /* written in digits alone */
    bool canonical;  /* written as the shortest text of its value */
    int64_t integer; /* where whole */
    double value;
} Number;

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* digits / 10^places, rounded to the nearest double, ties to even: by a quotient of at least 64 bits, and whether
 * anything is left of it. `digits` is not 0, places are 1 to 19. */
static double quotient(uint64_t digits, int places) {
    uint64_t power = 1;
    for (int i = 0; i < places; i++) power *= 10;
    int shift = __builtin_clzll(digits);
    unsigned __int128 numerator = (unsigned __int128)(digits << shift) << 64, whole = numerator / power;
    uint64_t high = (uint64_t)(whole >> 64);
    int drop = high ? 64 - __builtin_clzll(high) : 0;
    uint64_t bits = (uint64_t)(whole >> drop), kept = bits >> 11, below = bits & 0x7FF;
    bool rest = numerator % power != 0 || (unsigned __int128)bits << drop != whole;
    kept += below > 0x400 || (below == 0x400 && (rest || (kept & 1)));
    uint64_t scale = (uint64_t)(1023 - 64 - shift + drop + 11) << 52;
    double factor;
    memcpy(&factor, &scale, 8);
    return (double)kept * factor;
}

/* A number by the grammar of JSON. What does not fit 19 digits and a small exponent is not read. */
static Number number(const byte *at, const byte *end) {
    Number found = {0};
    bool minus = at < end && *at == '-';
    at += minus;
    uint64_t digits = 0;
    int significant = 0, places = 0, zeros = 0, exponent = 0;
    const byte *begin = at;
    for (; at < end && digit(*at); at++) digits = digits * 10 + (*at - '0'), significant += digits != 0;
    if (at == begin || (at - begin > 1 && *begin == '0') || significant > 18) return found;
    found.whole = found.canonical = true;
    if (at < end && *at == '.') {
        begin = ++at;
        for (; at < end && digit(*at); at++) {
            digits = digits * 10 + (*at - '0'), significant += digits != 0;
            zeros += digits == 0;
            if (significant > 19) return found;
        }
        places = (int)(at - begin);
        if (!places || places > 300) return found;
        found.whole = false;
        found.canonical = at[-1] != '0' && zeros < 4 && significant <= 15;
    }
    if (at < end && (*at | 0x20) == 'e') {
        bool down = ++at < end && *at == '-';
        at += down || (at < end && *at == '+');
        begin = at;
        for (; at < end && digit(*at) && at - begin < 3; at++) exponent = exponent * 10 + (*at - '0');
        if (at == begin || at - begin > 2) return found;
        exponent = down ? -exponent : exponent;
        found.whole = found.canonical = false;
    }
    exponent -= places;
    if (!digits && minus) return found; /* is -0 a number of its own? the full way knows */
    if (found.whole) {
        found.integer = minus ? -(int64_t)digits : (int64_t)digits;
        found.value = (double)found.integer;
        found.canonical = significant <= 15;
        found.end = at;
        return found;
    }
    double value;
    if (!digits) value = 0;
    else if (digits <= 1ULL << 53 && exponent >= 0 && exponent <= 22) value = (double)digits * POWERS[exponent];
    else if (digits <= 1ULL << 53 && exponent < 0 && exponent >= -22) value = (double)digits / POWERS[-exponent];
    else if (exponent < 0 && exponent >= -19) value = quotient(digits, -exponent);
    else return found;
    found.value = minus ? -value : value;
    found.end = at;
    return found;
}

/* ---- times ---- */

static int two(const byte *at) { return digit(at[0]) && digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1; }

/* Days since 1970 of YYYY-MM-DD, in the years 2 to 9998 (Hinnant, "chrono-compatible low-level date algorithms"). */
static bool date(const byte *at, int32_t *days) {
    int century = two(at), rest = two(at + 2), month = two(at + 5), day = two(at + 8);
    if (century < 0 || rest < 0 || at[4] != '-' || at[7] != '-' || month < 1 || month > 12 || day < 1) return false;
    int year = century * 100 + rest;
    static const byte lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 2 || year > 9998 || day > lengths[month - 1] + (leap && month == 2)) return false;
    year -= month <= 2;
    int era = year / 400, of_era = year % 400, of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return true;
}

/* Microseconds since 1970 of YYYY-MM-DDTHH:MM:SS[.f]offset. */
static bool instant(const byte *at, int64_t length, bool strict, bool zoned, int64_t *micros) {
    if (length < 19) return false;
    const byte *end = at + length;
    int32_t days;
    int hour = two(at + 11), minute = two(at + 14), second = two(at + 17);
    if (!date(at, &days) || (at[10] != 'T' && (strict || at[10] != ' ')) || at[13] != ':' || at[16] != ':') return false;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    int64_t fraction = 0;
    at += 19;
    if (at < end && *at == '.') {
        const byte *begin = ++at;
        for (; at < end && digit(*at); at++) fraction = at - begin < 6 ? fraction * 10 + (*at - '0') : fraction;
        if (at == begin || at - begin > 6) return false;
        for (int64_t places = at - begin; places < 6; places++) fraction *= 10;
    }
    int64_t offset = 0;
    if (end - at == 1 && *at == 'Z') {
    } else if (end - at == 6 && (*at == '+' || *at == '-') && at[3] == ':') {
        int hours = two(at + 1), minutes = two(at + 4);
        if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return false;
        offset = (hours * 60 + minutes) * (*at == '-' ? -1 : 1);
    } else if (at != end || zoned) {
        return false;
    }
    *micros = ((((int64_t)days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1000000 + fraction;
    return true;
}

/* ---- values ---- */

static bool is(const byte *at, const byte *end, const char *word, int length) {
    return end - at >= length && memcmp(at, word, (size_t)length) == 0;
}

/* The place after a value that nobody declared, or 0. */
static const byte *skip(const byte *at, const byte *end, int depth) {
    if (at >= end || depth > DEEPEST) return 0;
    switch (*at) {
    case '"': return text(at + 1, end, 0, 0);
    case 't': return is(at, end, "true", 4) ? at + 4 : 0;
    case 'f': return is(at, end, "false", 5) ? at + 5 : 0;
    case 'n': return is(at, end, "null", 4) ? at + 4 : 0;
    case '{':
    case '[': {
        byte close = *at == '{' ? '}' : ']';
        at = blank(at + 1, end);
        if (at < end && *at == close) return at + 1;
        for (;;) {
            if (close == '}') {
                if (at >= end || *at != '"' || !(at = text(at + 1, end, 0, 0))) return 0;
                at = blank(at, end);
                if (at >= end || *at != ':') return 0;
                at = blank(at + 1, end);
            }
            if (!(at = skip(at, end, depth + 1))) return 0;
            at = blank(at, end);
            if (at >= end) return 0;
            if (*at == close) return at + 1;
            if (*at != ',') return 0;
            at = blank(at + 1, end);
        }
    }
    default: return number(at, end).end;
    }
}

static void set(byte *bits, int64_t row) { bits[row >> 3] |= (byte)(1 << (row & 7)); }

static bool put_number(Column *column, int64_t row, Number found) {
    if (column->kind == DOUBLE) ((double *)column->values)[row] = found.value;
    else if (column->kind == INTEGER && found.whole) ((int64_t *)column->values)[row] = found.integer;
    else return false;
    return true;
}

/* A value that is written as a text; gives the place after it, or 0. */
static const byte *quoted(Column *column, int64_t row, const byte *at, const byte *end, bool strict) {
    if (column->kind == TEXT || column->kind == TOKEN) {
        int64_t length = 0;
        const byte *after = text(at + 1, end, column->text + column->text_length, &length);
        column->text_length += length;
        return after;
    }
    const byte *begin = at + 1, *close = begin;
    while (close < end && *close != '"' && *close != '\\' && *close < 0x80) close++;
    if (close >= end || *close != '"') return 0;
    if (column->kind == INSTANT) {
        if (!instant(begin, close - begin, strict, column->zoned, (int64_t *)column->values + row)) return 0;
    } else if (column->kind == DATE) {
        if (close - begin != 10 || !date(begin, (int32_t *)column->values + row)) return 0;
    } else {
        if (strict) return 0;
        Number found = number(begin, close);
        if (found.end != close || !put_number(column, row, found)) return 0;
    }
    return close + 1;
}

/* A value as it is written, or none where the full way would show it otherwise; gives the place after it, or 0. */
static const byte *written(Column *column, int64_t row, const byte *at, const byte *end) {
    const byte *after = skip(at, end, 0);
    if (!after || *at == '{' || *at == '[' || (*at == '"' && memchr(at, '\\', (size_t)(after - at)))) return after;
    if ((*at == '-' || digit(*at)) && !number(at, end).canonical) return after;
    memcpy(column->text + column->text_length, at, (size_t)(after - at));
    column->text_length += after - at;
    set(column->valid, row);
    return after;
}

/* The value of a declared member; gives the place after it, or 0. */
static const byte *value(Column *column, int64_t row, const byte *at, const byte *end, bool strict) {
    if (at >= end) return 0;
    if (column->kind == WRITTEN) return written(column, row, at, end);
    if (*at == 'n') return is(at, end, "null", 4) ? at + 4 : 0;
    if (*at == '"') {
        at = quoted(column, row, at, end, strict);
    } else if (column->kind == BOOLEAN) {
        bool yes = is(at, end, "true", 4);
        if (!yes && !is(at, end, "false", 5)) return 0;
        if (yes) set(column->values, row);
        at += yes ? 4 : 5;
    } else {
        Number found = number(at, end);
        if (!found.end) return 0;
        if (column->kind == TOKEN && found.canonical) {
            memcpy(column->text + column->text_length, at, (size_t)(found.end - at));
            column->text_length += found.end - at;
        } else if (!put_number(column, row, found)) {
            return 0;
        }
        at = found.end;
    }
    if (at) set(column->valid, row);
    return at;
}

/* ---- records ---- */

/* The column of the key at `at`, after its quote, most likely the one after the last; -1 where nobody declared it. Moves
 * `at` beyond the closing quote, or to 0 where the key is not read. */
static int column_of(const Shape *shape, int likely, const byte **at, const byte *end) {
    const byte *key = *at, *close = key;
    const Column *next = &shape->columns[likely];
    if (end - key > next->name_length && key[next->name_length] == '"' && !memcmp(key, next->name, (size_t)next->name_length))
        return *at = key + next->name_length + 1, likely;
    *at = text(key, end, 0, 0);
    while (close < end && *close != '"')
        if (*close++ == '\\') *at = 0; /* which key is written so? the full way knows */
    for (int i = 0; *at && i < shape->count; i++)
        if (shape->columns[i].name_length == close - key && !memcmp(shape->columns[i].name, key, (size_t)(close - key))) return i;
    return -1;
}

/* One payload into a row; false where it is not read. */
static bool record(const Shape *shape, int64_t row, const byte *at, const byte *end) {
    uint64_t seen = 0;
    int likely = 0;
    at = blank(at, end);
    if (at >= end || *at != '{') return false;
    at = blank(at + 1, end);
    if (at < end && *at == '}') return blank(at + 1, end) == end;
    for (;;) {
        if (at >= end || *at++ != '"') return false;
        int found = column_of(shape, likely, &at, end);
        if (!at) return false;
        at = blank(at, end);
        if (at >= end || *at != ':') return false;
        at = blank(at + 1, end);
        if (found < 0) {
            if (shape->strict || !(at = skip(at, end, 0))) return false;
        } else {
            if (seen >> found & 1) return false;
            seen |= 1ULL << found;
            if (!(at = value(&shape->columns[found], row, at, end, shape->strict))) return false;
            likely = found + 1 < shape->count ? found + 1 : 0;
        }
        at = blank(at, end);
        if (at >= end) return false;
        if (*at == '}') return blank(at + 1, end) == end;
        if (*at != ',') return false;
        at = blank(at + 1, end);
    }
}

/* Read `count` payloads, of which payload i lies between offsets i and i + 1 of `data`, into rows from `row` on.
 *
 * `read` has a byte for each row: 1 where the record was read. Columns hold nothing that means anything in other rows. */
void stillwell_read(const Shape *shape, const byte *data, const void *offsets, int32_t wide, int64_t count, int64_t row,
                    byte *read) {
    const int32_t *narrow = offsets;
    const int64_t *broad = offsets;
    for (int64_t i = 0; i < count; i++, row++) {
        const byte *begin = data + (wide ? broad[i] : narrow[i]), *end = data + (wide ? broad[i + 1] : narrow[i + 1]);
        int64_t before[64];
        for (int c = 0; c < shape->count; c++) before[c] = shape->columns[c].text_length;
        read[row] = record(shape, row, begin, end);
        for (int c = 0; c < shape->count; c++) {
            Column *column = &shape->columns[c];
            if (column->kind != TEXT && column->kind != TOKEN && column->kind != WRITTEN) continue;
            if (!read[row]) column->text_length = before[c];
            ((int32_t *)column->values)[row + 1] = (int32_t)column->text_length;
        }
    }
}
