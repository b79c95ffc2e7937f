/*
 * unit_object.h - what metic-jitd's objects say beside their code: the contract
 * between the compiling process and the loader in ours.
 *
 * Functions: unit_<id>, one for each unit compiled.
 *
 * Undefined symbols are places to go on at; the pins are in place, the stack
 * pointer is as it was at the entry (after a call: one frame below).
 * OBJECT_JUMP gives kind, unit, context of the unit, guest pc:
 *   g  the code of that pc, by a link; frames of the inlined calls of the
 *      context are made first
 *   s  the same after the runtime was asked: it wants the vCPU to stop
 *   p  the code of the pc in rax
 *
 * Sections:
 *   .metic.map   for each access: quad address, quad guest pc, text with
 *                NUL: "slot=place " ..., a place being %reg, disp(%rsp),
 *                $number in AT&T syntax; "slot~place": a double whose NaN
 *                is not canonical yet
 *   .metic.exit  quads: code addresses from which on there may be only
 *                changes of rsp up to the jump or ret
 *   .metic.pair  quads, three a call in code that has fp registers: from the
 *                first to the second, the call, integer registers may be
 *                moved; the third is right behind the call
 */
#ifndef TRANSLATOR_UNIT_OBJECT_H
#define TRANSLATOR_UNIT_OBJECT_H

#define OBJECT_UNIT "unit_%u"
#define OBJECT_JUMP "to_%c_%u_%u_%llx"
#define OBJECT_LINK 'g'
#define OBJECT_STOP 's'
#define OBJECT_PTR 'p'
#define OBJECT_MAP ".metic.map"
#define OBJECT_EXITS ".metic.exit"
#define OBJECT_PAIRS ".metic.pair"

#endif
