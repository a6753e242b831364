/* Judges records one after another by what their keys did before; `rules.py` says what each kind of rule asks.
 *
 * One call serves one partition. A key is 128 bits of hash; what is remembered of it is a row of words, of which each rule
 * owns some. Nothing is allocated here: where there is no room for another key the call ends early, and is made again. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t byte;
typedef union {
    int64_t whole;
    double number;
    uint64_t bits;
} Word;

enum { JUMP, CHANGE, UNCHANGED, UNIQUE, ORDER, LATE, COUNT, COUNTER, STEP, GAP, TRANSITION, SPIKE, SESSION };
enum { UNJUDGED, KEPT, BROKEN };
enum { PARTS = 8 };                 /* of `within`, by which a spread is remembered */
static const int64_t NEVER = INT64_MIN;

/* One rule, what it reads of each record, and where its verdicts go. */
typedef struct {
    int32_t kind;
    int32_t set;         /* whose history; -1 for that of the partition */
    int32_t word;        /* the first of its words */
    int32_t every;       /* remembers records that were rejected too */
    int32_t rejects;     /* who breaks it is not accepted */
    int32_t exclusive;   /* the limit itself is too much */
    int64_t within;      /* microseconds */
    int64_t count;       /* records at most, or looked back on; states; whether a counter may begin again */
    double limit;
    const byte *allowed; /* of states: a row for each state, and one for the beginning */
    const Word *value;
    const byte *present; /* 0: all are */
    const byte *applies; /* 0: to all */
    byte *verdict;
    Word *before;        /* what the record was compared with, where the rule is broken */
} Rule;

/* 128-bit hashes of keys, each with words: slots in the order in which they came, and a table of slots by hash.
 *
 * A `lazy` set gets a slot only where a rule remembers, the others for each record with a key. */
typedef struct {
    uint64_t *hashes;
    Word *words;
    byte *touched;
    int32_t *table; /* slot + 1 */
    int64_t mask, used, room, stride;
    const uint64_t *keys; /* of the records at hand */
    const byte *keyed;    /* 0: all */
    int32_t lazy;
} Set;

enum { MOST_SETS = 16 };

typedef struct {
    Set *sets;
    int64_t count;
    int64_t watermark;
} State;

/* The slot of a hash; -1 where there is none and none is to be made. */
static int64_t slot_of(Set *keys, const uint64_t *hash, bool make) {
    uint64_t place = hash[0];
    for (;; place++) {
        int64_t slot = (int64_t)keys->table[place & (uint64_t)keys->mask] - 1;
        if (slot < 0) break;
        if (keys->hashes[2 * slot] == hash[0] && keys->hashes[2 * slot + 1] == hash[1]) return slot;
    }
    if (!make) return -1;
    int64_t slot = keys->used++;
    keys->table[place & (uint64_t)keys->mask] = (int32_t)slot + 1;
    keys->hashes[2 * slot] = hash[0], keys->hashes[2 * slot + 1] = hash[1];
    for (int64_t i = 0; i < keys->stride; i++) keys->words[slot * keys->stride + i].whole = NEVER;
    return slot;
}

/* Fills the table anew from the slots. */
void stillwell_keys(Set *keys) {
    memset(keys->table, 0, sizeof(int32_t) * (size_t)(keys->mask + 1));
    for (int64_t slot = 0; slot < keys->used; slot++) {
        uint64_t place = keys->hashes[2 * slot];
        while (keys->table[place & (uint64_t)keys->mask]) place++;
        keys->table[place & (uint64_t)keys->mask] = (int32_t)slot + 1;
    }
}

static bool too_much(const Rule *rule, double found) { return rule->exclusive ? found >= rule->limit : found > rule->limit; }

static int64_t floor_part(int64_t time, int64_t length) { return time / length - (time % length < 0); }

/* ---- what each kind says: UNJUDGED where there is nothing to compare with ---- */

static int jump(const Rule *rule, const Word *had, Word value, int64_t time, Word *before) {
    if (had[0].whole == NEVER || llabs(time - had[0].whole) > rule->within) return UNJUDGED;
    *before = had[1];
    return too_much(rule, fabs(value.number - had[1].number)) ? BROKEN : KEPT;
}

/* Least and greatest value of each part of the time looked back on; parts are kept in a ring by their number. */
static int change(const Rule *rule, const Word *had, Word value, int64_t time, Word *before) {
    int64_t part = floor_part(time, rule->within / PARTS), newest = had[0].whole;
    if (newest == NEVER || part <= newest - PARTS || part >= newest + PARTS) return UNJUDGED;
    double least = value.number, most = value.number;
    bool any = false;
    for (int64_t at = part - PARTS + 1; at <= part; at++) {
        const Word *two = had + 1 + 2 * (((at % PARTS) + PARTS) % PARTS);
        if (at > newest || at <= newest - PARTS || two[0].whole == NEVER) continue;
        any = true, least = fmin(least, two[0].number), most = fmax(most, two[1].number);
    }
    if (!any) return UNJUDGED;
    before->number = most > value.number && most - value.number >= value.number - least ? most : least;
    return too_much(rule, most - least) ? BROKEN : KEPT;
}

static void change_remembers(const Rule *rule, Word *have, Word value, int64_t time) {
    int64_t part = floor_part(time, rule->within / PARTS), newest = have[0].whole;
    if (newest != NEVER && part <= newest - PARTS) return;
    int64_t first = newest == NEVER || part - newest > PARTS ? part - PARTS + 1 : newest + 1;
    for (int64_t at = first; at <= part; at++) have[1 + 2 * (((at % PARTS) + PARTS) % PARTS)].whole = NEVER;
    if (newest == NEVER || part > newest) have[0].whole = part;
    Word *two = have + 1 + 2 * (((part % PARTS) + PARTS) % PARTS);
    bool none = two[0].whole == NEVER;
    two[0].number = none ? value.number : fmin(two[0].number, value.number);
    two[1].number = none ? value.number : fmax(two[1].number, value.number);
}

static int unchanged(const Rule *rule, const Word *had, Word value, int64_t time, Word *before) {
    if (had[1].whole == NEVER) return UNJUDGED;
    before->whole = had[1].whole;
    return value.bits == had[0].bits && time - had[1].whole >= rule->within ? BROKEN : KEPT;
}

/* A ring of the times of the last `count` records, after how many there were. */
static int count(const Rule *rule, const Word *had, int64_t time, Word *before) {
    int64_t were = had[0].whole == NEVER ? 0 : had[0].whole;
    if (were < rule->count) return KEPT;
    *before = had[1 + were % rule->count];
    return time - before->whole <= rule->within ? BROKEN : KEPT;
}

static int counter(const Rule *rule, const Word *had, Word value, Word *before) {
    if (had[0].whole == NEVER) return UNJUDGED;
    *before = had[1];
    bool again = rule->count && value.number < had[1].number / 2;
    return value.number < had[1].number && !again ? BROKEN : KEPT;
}

static int step(const Rule *rule, const Word *had, Word value, Word *before) {
    if (had[0].whole == NEVER) return UNJUDGED;
    *before = had[1];
    return value.number > had[1].number + rule->limit ? BROKEN : KEPT;
}

static int transition(const Rule *rule, const Word *had, Word value, Word *before) {
    int64_t states = rule->count, from = had[0].whole == NEVER ? states : had[0].whole;
    before->whole = from;
    if (value.whole < 0) return BROKEN;
    return from == value.whole || rule->allowed[from * states + value.whole] ? KEPT : BROKEN;
}

static int spike(const Rule *rule, const Word *had, Word value, Word *before) {
    int64_t were = had[0].whole == NEVER ? 0 : had[0].whole;
    double sorted[16];
    if (were < rule->count) return UNJUDGED;
    for (int64_t i = 0; i < rule->count; i++) {
        int64_t at = i;
        for (; at > 0 && sorted[at - 1] > had[1 + i].number; at--) sorted[at] = sorted[at - 1];
        sorted[at] = had[1 + i].number;
    }
    before->number = (sorted[(rule->count - 1) / 2] + sorted[rule->count / 2]) / 2;
    return too_much(rule, fabs(value.number - before->number)) ? BROKEN : KEPT;
}

/* The session's first time, its last, and how many records it has; a new one begins after `within` without any. */
static int session(const Rule *rule, const Word *had, int64_t time, Word *before) {
    if (had[0].whole == NEVER || time - had[1].whole > rule->within) return KEPT;
    *before = had[0];
    bool too_long = rule->limit > 0 && (double)(time - had[0].whole) > rule->limit;
    return too_long || (rule->count && had[2].whole >= rule->count) ? BROKEN : KEPT;
}

static void push(Word *ring, int64_t size, Word value) {
    int64_t were = ring[0].whole == NEVER ? 0 : ring[0].whole;
    ring[1 + were % size] = value;
    ring[0].whole = were + 1;
}

/* ---- one record ---- */

typedef struct {
    int64_t row;
    int64_t time;           /* NEVER without one */
    Word *words[MOST_SETS]; /* of its key in each set, 0 without a key and in lazy sets */
} Record;

static bool applies(const Rule *rule, const State *state, const Record *record) {
    bool timeless = rule->kind == COUNTER || rule->kind == STEP || rule->kind == TRANSITION || rule->kind == SPIKE;
    const Set *set = rule->set < 0 ? 0 : &state->sets[rule->set];
    bool keyed = !set || !set->keyed || set->keyed[record->row];
    return (timeless || record->time != NEVER) && keyed && (!rule->present || rule->present[record->row]) &&
           (!rule->applies || rule->applies[record->row]);
}

static int judged(const Rule *rule, State *state, const Record *record, Word *before) {
    const Word *had = rule->set < 0 || !record->words[rule->set] ? 0 : record->words[rule->set] + rule->word;
    Word value = {0}, time = {.whole = record->time};
    if (rule->value) value = rule->value[record->row];
    switch (rule->kind) {
    case JUMP: return jump(rule, had, value, time.whole, before);
    case CHANGE: return change(rule, had, value, time.whole, before);
    case UNCHANGED: return unchanged(rule, had, value, time.whole, before);
    case UNIQUE: {
        Set *set = &state->sets[rule->set];
        int64_t slot = slot_of(set, set->keys + 2 * record->row, false);
        if (slot < 0) return KEPT;
        *before = set->words[slot];
        return llabs(time.whole - before->whole) <= rule->within ? BROKEN : KEPT;
    }
    case ORDER:
        if (had[0].whole == NEVER) return UNJUDGED;
        return *before = had[0], time.whole < had[0].whole ? BROKEN : KEPT;
    case LATE:
        if (state->watermark == NEVER) return UNJUDGED;
        return before->whole = state->watermark, state->watermark - time.whole > rule->within ? BROKEN : KEPT;
    case COUNT: return count(rule, had, time.whole, before);
    case COUNTER: return counter(rule, had, value, before);
    case STEP: return step(rule, had, value, before);
    case GAP:
        if (had[0].whole == NEVER) return UNJUDGED;
        return *before = had[0], time.whole - had[0].whole > rule->within ? BROKEN : KEPT;
    case TRANSITION: return transition(rule, had, value, before);
    case SPIKE: return spike(rule, had, value, before);
    default: return session(rule, had, time.whole, before);
    }
}

static void remember(const Rule *rule, State *state, const Record *record) {
    Word *have = rule->set < 0 || !record->words[rule->set] ? 0 : record->words[rule->set] + rule->word;
    Word value = {0}, time = {.whole = record->time};
    if (rule->value) value = rule->value[record->row];
    switch (rule->kind) {
    case JUMP: have[0] = time, have[1] = value; break;
    case CHANGE: change_remembers(rule, have, value, time.whole); break;
    case UNCHANGED:
        /* What is older than the value that stands says nothing of how long it does. */
        if (have[1].whole == NEVER || (have[0].bits != value.bits && time.whole >= have[1].whole)) have[0] = value, have[1] = time;
        break;
    case UNIQUE: {
        Set *set = &state->sets[rule->set];
        int64_t slot = slot_of(set, set->keys + 2 * record->row, true);
        set->words[slot] = time, set->touched[slot] = 1;
        break;
    }
    case ORDER:
    case GAP:
        if (time.whole > have[0].whole) have[0] = time;
        break;
    case COUNT: push(have, rule->count, time); break;
    case COUNTER:
    case STEP: have[0].whole = 0, have[1] = value; break;
    case TRANSITION:
        if (value.whole >= 0) have[0] = value;
        break;
    case SPIKE: push(have, rule->count, value); break;
    case SESSION:
        if (have[0].whole == NEVER || time.whole - have[1].whole > rule->within) have[0] = time, have[2].whole = 0;
        if (have[1].whole == NEVER || time.whole > have[1].whole) have[1] = time;
        have[2].whole++;
        break;
    default: break;
    }
}

/* Finds the words of a record's keys, and hears of them; false where there is no room for another key. */
static bool find(State *state, Record *record) {
    for (int64_t at = 0; at < state->count; at++)
        if (state->sets[at].used >= state->sets[at].room) return false;
    for (int64_t at = 0; at < state->count; at++) {
        Set *set = &state->sets[at];
        record->words[at] = 0;
        if (set->lazy || (set->keyed && !set->keyed[record->row])) continue;
        int64_t slot = slot_of(set, set->keys + 2 * record->row, true);
        Word *words = record->words[at] = set->words + slot * set->stride;
        set->touched[slot] = 1;
        if (record->time > words[0].whole) words[0].whole = record->time;
    }
    return true;
}

/* Fetches what records to come will want: keys lie all over memory, and to wait for each would be most of the work. */
static void fetch(const State *state, int64_t row, int64_t end) {
    for (int64_t at = 0; at < state->count; at++) {
        const Set *set = &state->sets[at];
        if (row + 16 < end) __builtin_prefetch(&set->table[set->keys[2 * (row + 16)] & (uint64_t)set->mask]);
        if (row + 8 >= end) continue;
        int64_t slot = (int64_t)set->table[set->keys[2 * (row + 8)] & (uint64_t)set->mask] - 1;
        if (slot < 0) continue;
        __builtin_prefetch(&set->hashes[2 * slot]);
        for (int64_t word = 0; word < set->stride; word += 8) __builtin_prefetch(&set->words[slot * set->stride + word], 1);
    }
}

/* Judges rows from `row` to `end`; gives the row before which there was no room left, or `end`.
 *
 * `good` rows pass all other rules; on return those stay good that are accepted. Times are NEVER where there is none. The
 * first word of a key is when it was last heard of. */
int64_t stillwell_sequence(State *state, Rule *rules, int64_t count, const int64_t *times, byte *good, int64_t row, int64_t end) {
    for (; row < end; row++) {
        fetch(state, row, end);
        if (!good[row]) continue;
        Record record = {.row = row, .time = times[row]};
        if (!find(state, &record)) return row;
        for (Rule *rule = rules; rule < rules + count; rule++) {
            if (!applies(rule, state, &record)) continue;
            Word before = {0};
            int verdict = judged(rule, state, &record, &before);
            rule->verdict[row] = (byte)verdict;
            if (verdict != BROKEN) continue;
            rule->before[row] = before;
            if (rule->rejects) good[row] = 0;
        }
        for (Rule *rule = rules; rule < rules + count; rule++)
            if ((rule->every || good[row]) && applies(rule, state, &record)) remember(rule, state, &record);
        if (good[row] && record.time > state->watermark) state->watermark = record.time;
    }
    return end;
}

/* ---- hashes ---- */

static uint64_t turn(uint64_t word, int by) { return word << by | word >> (64 - by); }

static void rounds(uint64_t v[4], int times) {
    for (; times > 0; times--) {
        v[0] += v[1], v[1] = turn(v[1], 13) ^ v[0], v[0] = turn(v[0], 32);
        v[2] += v[3], v[3] = turn(v[3], 16) ^ v[2];
        v[0] += v[3], v[3] = turn(v[3], 21) ^ v[0];
        v[2] += v[1], v[1] = turn(v[1], 17) ^ v[2], v[2] = turn(v[2], 32);
    }
}

/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), keyed by `key`. */
static void siphash(const byte *data, int64_t length, const uint64_t key[2], uint64_t out[2]) {
    uint64_t v[4] = {0x736f6d6570736575ULL ^ key[0], 0x646f72616e646f6dULL ^ key[1] ^ 0xee, 0x6c7967656e657261ULL ^ key[0],
                     0x7465646279746573ULL ^ key[1]};
    uint64_t word;
    int64_t at = 0;
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, data + at, 8);
        v[3] ^= word, rounds(v, 2), v[0] ^= word;
    }
    word = (uint64_t)length << 56;
    for (int64_t i = at; i < length; i++) word |= (uint64_t)data[i] << (8 * (i - at));
    v[3] ^= word, rounds(v, 2), v[0] ^= word;
    v[2] ^= 0xee, rounds(v, 4);
    out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd, rounds(v, 4);
    out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Hashes `count` words, as `stillwell_hash` does texts. */
void stillwell_hash_words(const int64_t *words, int64_t count, uint64_t *out) {
    for (int64_t i = 0; i < count; i++) {
        uint64_t key[2] = {out[2 * i], out[2 * i + 1]};
        siphash((const byte *)(words + i), 8, key, out + 2 * i);
    }
}

/* Hashes `count` texts, text i from offset i to i + 1 of `data`; what is in `out` already is the key of each, so that
 * several columns are hashed one after another. */
void stillwell_hash(const byte *data, const int32_t *offsets, int64_t count, uint64_t *out) {
    for (int64_t i = 0; i < count; i++) {
        uint64_t key[2] = {out[2 * i], out[2 * i + 1]};
        siphash(data + offsets[i], offsets[i + 1] - offsets[i], key, out + 2 * i);
    }
}
