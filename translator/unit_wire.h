/*
 * unit_wire.h - how units and objects travel between metic and metic-jitd.
 */
#ifndef TRANSLATOR_UNIT_WIRE_H
#define TRANSLATOR_UNIT_WIRE_H

#include "runtime/base/types.h"

/* Both sides send this, then `size` bytes: a unit's text; an object. */
struct jitd_head {
	u32 magic;
	u32 status; /* of a reply: JITD_* */
	u32 id; /* the unit's */
	u32 size;
};
#define JITD_MAGIC 0x316a746du
#define JITD_SIZE_MAX (16u << 20)
#define JITD_OBJECT 0u /* an object follows */
#define JITD_FAILED 1u /* a message follows */
/* As JITD_OBJECT, of another compiler than metic was built for: not to be
   kept with what that one makes. */
#define JITD_OTHER 2u

#endif
