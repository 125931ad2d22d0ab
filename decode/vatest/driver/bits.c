// Bits of NAL units (ITU-T H.264, 7.2, 7.3.1 and 9.1; the same in H.265).
#include "vatest.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(struct writer *w, size_t more)
{
    size_t capacity = w->capacity ? w->capacity : 4096;
    uint8_t *data;

    if (w->failed)
        return false;
    while (capacity < w->size + more)
        capacity *= 2;
    if (capacity == w->capacity)
        return true;
    if (!(data = realloc(w->data, capacity))) {
        w->failed = true;
        return false;
    }
    w->data = data;
    w->capacity = capacity;
    return true;
}

void writer_free(struct writer *w)
{
    free(w->data);
    *w = (struct writer){0};
}

void put_verbatim(struct writer *w, const uint8_t *data, size_t size)
{
    if (!reserve(w, size))
        return;
    memcpy(w->data + w->size, data, size);
    w->size += size;
}

void put_start_code(struct writer *w)
{
    static const uint8_t code[] = {0, 0, 0, 1};

    put_verbatim(w, code, sizeof(code));
    w->zeros = 0;
}

static void put_byte(struct writer *w, uint8_t value)
{
    static const uint8_t prevention = 3;

    if (w->zeros >= 2 && value <= 3) {
        put_verbatim(w, &prevention, 1);
        w->zeros = 0;
    }
    put_verbatim(w, &value, 1);
    w->zeros = value ? 0 : w->zeros + 1;
}

void put_bits(struct writer *w, unsigned count, uint32_t value)
{
    while (count--) {
        w->current = w->current << 1 | (value >> count & 1);
        if (++w->bits < 8)
            continue;
        put_byte(w, w->current);
        w->current = w->bits = 0;
    }
}

void put_ue(struct writer *w, uint32_t value)
{
    uint64_t code = (uint64_t)value + 1;
    unsigned length = 0;

    while (code >> (length + 1))
        length++;
    put_bits(w, length, 0);
    put_bits(w, 1, 1);
    put_bits(w, length, (uint32_t)code); // without its top bit
}

void put_se(struct writer *w, int32_t value)
{
    put_ue(w, value > 0 ? 2 * (uint32_t)value - 1 : 2 * (uint32_t)-value);
}

// rbsp_trailing_bits and byte_alignment are the same: a one, then zeros.
void put_trailing(struct writer *w)
{
    put_bits(w, 1, 1);
    while (w->bits)
        put_bits(w, 1, 0);
}

void reader_init(struct reader *r, const uint8_t *data, size_t size)
{
    *r = (struct reader){.data = data, .size = size};
}

static bool next_byte(struct reader *r)
{
    if (r->zeros >= 2 && r->position < r->size && r->data[r->position] == 3) {
        r->position++;
        r->zeros = 0;
    }
    if (r->position >= r->size) {
        r->overrun = true;
        return false;
    }
    r->current = r->data[r->position++];
    r->zeros = r->current ? 0 : r->zeros + 1;
    r->bits = 8;
    return true;
}

static unsigned get_bit(struct reader *r)
{
    if (!r->bits && !next_byte(r))
        return 0;
    r->bits--;
    r->count++;
    return r->current >> r->bits & 1;
}

uint32_t get_bits(struct reader *r, unsigned count)
{
    uint32_t value = 0;

    while (count-- && !r->overrun)
        value = value << 1 | get_bit(r);
    return value;
}

uint32_t get_ue(struct reader *r)
{
    unsigned length = 0;

    while (!get_bit(r)) {
        if (r->overrun || ++length > 31) {
            r->overrun = true;
            return 0;
        }
    }
    return (uint32_t)((1ULL << length) - 1 + get_bits(r, length));
}
