/*
 * load_code.c - the program of fuzz_load, for the guest and for this machine.
 *
 * Its exit status is a hash of argc, the strings of argv and envp, AT_PHNUM,
 * the places in their pages of AT_PHDR and AT_ENTRY, and of bytes at both
 * ends of what the data segment has in the file, of the rest of that page
 * and of the pages behind it. It writes to the last of them.
 */
#include "tests/fuzz/load.h"

/* As the assembler made it of what is on the right. */
const u32 ld_code_guest[] = {
	0x00013503, /* ld a0,0(sp) */
	0x00810293, /* add t0,sp,8 */
	0x00200393, /* li t2,2 */
	0x01f00e13, /* li t3,31 */
	0x0002b303, /* ld t1,0(t0) */
	0x00828293, /* add t0,t0,8 */
	0x00030e63, /* beqz t1,34 endvec */
	0x00034e83, /* lbu t4,0(t1) */
	0x00130313, /* add t1,t1,1 */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0xfe0e98e3, /* bnez t4,1c str */
	0xfe1ff06f, /* j 10 next */
	0xfff38393, /* add t2,t2,-1 */
	0xfc039ce3, /* bnez t2,10 next */
	0x0002b303, /* ld t1,0(t0) */
	0x0082be83, /* ld t4,8(t0) */
	0x01028293, /* add t0,t0,16 */
	0x02030863, /* beqz t1,78 data */
	0x00500f13, /* li t5,5 */
	0x01e30e63, /* beq t1,t5,6c take */
	0x034e9e93, /* sll t4,t4,0x34 */
	0x034ede93, /* srl t4,t4,0x34 */
	0x00300f13, /* li t5,3 */
	0x01e30663, /* beq t1,t5,6c take */
	0x00900f13, /* li t5,9 */
	0xfde31ae3, /* bne t1,t5,3c aux */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0xfc9ff06f, /* j 3c aux */
	0x00002317, /* auipc t1,0x2 */
	0xf8430313, /* add t1,t1,-124 # 1ffc data+0x1f84 */
	0x00034e83, /* lbu t4,0(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x0ff34e83, /* lbu t4,255(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x10034e83, /* lbu t4,256(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x00001f37, /* lui t5,0x1 */
	0x01e30333, /* add t1,t1,t5 */
	0xfff34e83, /* lbu t4,-1(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x00034e83, /* lbu t4,0(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x01e30333, /* add t1,t1,t5 */
	0x34434e83, /* lbu t4,836(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x34a30223, /* sb a0,836(t1) */
	0x34434e83, /* lbu t4,836(t1) */
	0x03c50533, /* mul a0,a0,t3 */
	0x01d50533, /* add a0,a0,t4 */
	0x02055313, /* srl t1,a0,0x20 */
	0x00654533, /* xor a0,a0,t1 */
	0x01055313, /* srl t1,a0,0x10 */
	0x00654533, /* xor a0,a0,t1 */
	0x00855313, /* srl t1,a0,0x8 */
	0x00654533, /* xor a0,a0,t1 */
	0x07f57513, /* and a0,a0,127 */
	0x05e00893, /* li a7,94 */
	0x00000073, /* ecall */
};
const size_t ld_code_guest_size = sizeof(ld_code_guest);

__asm__(".pushsection .rodata\n"
	".intel_syntax noprefix\n"
	".hidden ld_code_native, ld_code_native_end\n"
	".globl ld_code_native, ld_code_native_end\n"
	"ld_code_native:\n"
	"mov rdi, [rsp]\n"
	"lea rsi, [rsp + 8]\n"
	"mov ecx, 2\n"
	".Lld_next: mov rdx, [rsi]\n"
	"add rsi, 8\n"
	"test rdx, rdx\n"
	"je .Lld_endvec\n"
	".Lld_str: movzx eax, byte ptr [rdx]\n"
	"inc rdx\n"
	"imul rdi, rdi, 31\n"
	"add rdi, rax\n"
	"test eax, eax\n"
	"jne .Lld_str\n"
	"jmp .Lld_next\n"
	".Lld_endvec: dec ecx\n"
	"jne .Lld_next\n"
	".Lld_aux: mov rdx, [rsi]\n"
	"mov rax, [rsi + 8]\n"
	"add rsi, 16\n"
	"test rdx, rdx\n"
	"je .Lld_data\n"
	"cmp rdx, 5\n"
	"je .Lld_take\n"
	"and eax, 0xfff\n"
	"cmp rdx, 3\n"
	"je .Lld_take\n"
	"cmp rdx, 9\n"
	"jne .Lld_aux\n"
	".Lld_take: imul rdi, rdi, 31\n"
	"add rdi, rax\n"
	"jmp .Lld_aux\n"
	".Lld_data: lea rdx, [rip + ld_code_native + 0x1ffc]\n"
	".macro fold off\n"
	"movzx eax, byte ptr [rdx + \\off]\n"
	"imul rdi, rdi, 31\n"
	"add rdi, rax\n"
	".endm\n"
	"fold 0\n"
	"fold 0xff\n"
	"fold 0x100\n"
	"fold 0xfff\n"
	"fold 0x1000\n"
	"fold 0x2344\n"
	"mov [rdx + 0x2344], dil\n"
	"fold 0x2344\n"
	"mov rdx, rdi\n"
	"shr rdx, 32\n"
	"xor rdi, rdx\n"
	"mov rdx, rdi\n"
	"shr rdx, 16\n"
	"xor rdi, rdx\n"
	"mov rdx, rdi\n"
	"shr rdx, 8\n"
	"xor rdi, rdx\n"
	"and edi, 0x7f\n"
	"mov eax, 231\n"
	"syscall\n"
	"ld_code_native_end:\n"
	".att_syntax\n"
	".popsection\n");
