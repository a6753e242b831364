/* Matches texts of one length, place by place, against sets of bytes. */
#include <stdbool.h>
#include <stdint.h>

/* `sets` has 256 bytes for each place: 1 where a byte may stand there. Text i lies between offsets i and i + 1 of `data`; `bad`
 * becomes 1 where one has another length, or a byte that may not stand where it stands. */
void stillwell_pattern(const uint8_t *data, const void *offsets, int32_t wide, int64_t count, const uint8_t *sets, int64_t length,
                       uint8_t *bad) {
    const int32_t *narrow = offsets;
    const int64_t *broad = offsets;
    for (int64_t i = 0; i < count; i++) {
        int64_t begin = wide ? broad[i] : narrow[i], end = wide ? broad[i + 1] : narrow[i + 1];
        uint8_t fits = end - begin == length;
        if (fits)
            for (int64_t at = 0; at < length; at++) fits &= sets[256 * at + data[begin + at]];
        bad[i] = !fits;
    }
}
