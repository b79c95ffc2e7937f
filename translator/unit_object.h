/*
 * unit_object.h - what metic-jitd's objects say beside their code: the contract
 * between the compiling process and the loader in ours.
 *
 * Functions: unit_<id>, one for each unit compiled.
 *
 * Undefined symbols are places to go on at; the pins are in place, the stack
 * pointer is as it was at the entry. OBJECT_JUMP gives kind, unit, context of
 * the unit, guest pc, return address (0: none). The frames of the context's
 * inlined calls are made first, then that of a call that returns there.
 *   g  the code of that pc, by a link
 *   s  the same after the runtime was asked: it wants the vCPU to stop
 *   b  as g, but of the baseline: the unit cannot run in this state
 *   p  the code of the pc in rax
 *
 * OBJECT_GUEST is the guest pc of the unit's head; a unit that is movable
 * names guest addresses only by quads in its text relative to that.
 *
 * Sections:
 *   .metic.map   for each access: quad address, quad guest pc, text with
 *                NUL: "slot=place " ..., a place being %reg, disp(%rsp),
 *                $number in AT&T syntax; "slot~place": a double whose NaN
 *                is not canonical yet; "slot!place" and "slot?place": the
 *                same with a float, which is to be boxed; "fpins": a unit
 *                without fp, the fp pins are where the ABI wants them
 *   .metic.exit  quads: code addresses from which on there may be only
 *                changes of rsp up to the jump or ret
 */
#ifndef TRANSLATOR_UNIT_OBJECT_H
#define TRANSLATOR_UNIT_OBJECT_H

#define OBJECT_GUEST "guest_pc"
#define OBJECT_UNIT "unit_%u"
#define OBJECT_JUMP "to_%c_%u_%u_%llx_%llx"
#define OBJECT_LINK 'g'
#define OBJECT_BASELINE 'b'
#define OBJECT_STOP 's'
#define OBJECT_PTR 'p'
#define OBJECT_MAP ".metic.map"
#define OBJECT_EXITS ".metic.exit"
#define OBJECT_FPINS "fpins"

#endif
