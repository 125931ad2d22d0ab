#include "vatest.h"

#include <stdlib.h>

// An id is the slot's number from 1 in the low half and the slot's generation
// in the high half, so an id that was destroyed stays invalid for long.
#define MAX_SLOTS 0xfffe
#define MAX_GENERATION 0x7fff

void table_init(struct table *t)
{
    *t = (struct table){0};
    pthread_mutex_init(&t->lock, NULL);
}

// What is still in the table goes; an object in use by another thread lives
// on until that thread puts it.
void table_free(struct table *t)
{
    for (unsigned i = 0; i < t->capacity; i++)
        if (t->slots[i].object)
            put_object(t->slots[i].object);
    free(t->slots);
    pthread_mutex_destroy(&t->lock);
}

// A new object has one reference, the caller's.
void *new_object(enum kind kind, size_t size, void (*release)(struct object *o))
{
    struct object *o = calloc(1, size);

    if (!o)
        return NULL;
    o->kind = kind;
    o->release = release;
    atomic_init(&o->refs, 1);
    return o;
}

static unsigned find_free(const struct table *t)
{
    unsigned i = 0;

    while (i < t->capacity && t->slots[i].object)
        i++;
    return i;
}

static bool grow(struct table *t)
{
    unsigned capacity = t->capacity ? 2 * t->capacity : 64;
    struct slot *slots;

    if (capacity > MAX_SLOTS)
        return false;
    if (!(slots = realloc(t->slots, capacity * sizeof(*slots))))
        return false;
    for (unsigned i = t->capacity; i < capacity; i++)
        slots[i] = (struct slot){0};
    t->slots = slots;
    t->capacity = capacity;
    return true;
}

static bool add_locked(struct table *t, struct object *o)
{
    unsigned i = find_free(t);

    if (i == t->capacity && !grow(t))
        return false;
    t->slots[i].object = o;
    o->id = t->slots[i].generation << 16 | (i + 1);
    t->live[o->kind]++;
    return true;
}

// add_object gives o an id and takes over the caller's reference. On failure
// the caller keeps it.
bool add_object(struct table *t, struct object *o)
{
    bool ok;

    pthread_mutex_lock(&t->lock);
    ok = add_locked(t, o);
    pthread_mutex_unlock(&t->lock);
    return ok;
}

static struct slot *find_locked(struct table *t, uint32_t id, enum kind kind)
{
    unsigned i = (id & 0xffff) - 1;

    if (i >= t->capacity || !t->slots[i].object)
        return NULL;
    if (t->slots[i].object->id != id || t->slots[i].object->kind != kind)
        return NULL;
    return &t->slots[i];
}

// get_object is the object with a reference for the caller, or NULL.
void *get_object(struct table *t, uint32_t id, enum kind kind)
{
    struct object *o = NULL;
    struct slot *s;

    pthread_mutex_lock(&t->lock);
    if ((s = find_locked(t, id, kind)))
        o = keep_object(s->object);
    pthread_mutex_unlock(&t->lock);
    return o;
}

// drop_object makes the id invalid and gives up the table's reference.
bool drop_object(struct table *t, uint32_t id, enum kind kind)
{
    struct object *o = NULL;
    struct slot *s;

    pthread_mutex_lock(&t->lock);
    if ((s = find_locked(t, id, kind))) {
        o = s->object;
        s->object = NULL;
        s->generation = (s->generation + 1) & MAX_GENERATION;
        t->live[kind]--;
    }
    pthread_mutex_unlock(&t->lock);
    put_object(o);
    return o != NULL;
}

void *keep_object(void *object)
{
    struct object *o = object;

    atomic_fetch_add(&o->refs, 1);
    return o;
}

void put_object(void *object)
{
    struct object *o = object;

    if (o && atomic_fetch_sub(&o->refs, 1) == 1) {
        o->release(o);
        free(o);
    }
}
