/* SPDX-License-Identifier: MIT */
/* image.c - see image.h. */
#include "plugin/image.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "which machine is this in <elf.h>?"
#endif

#define SEGMENT_COUNT_MAX 1024

static bool
read_at(int fd, void *data, size_t size, uint64_t offset)
{
	return pread(fd, data, size, (off_t)offset) == (ssize_t)size;
}

static bool
is_inside(uint64_t offset, uint64_t size, uint64_t file_size)
{
	return offset <= file_size && size <= file_size - offset;
}

static const char *
problem_of_header(const ElfW(Ehdr) *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return "is no shared object";
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != MACHINE)
		return "is for another kind of machine";
	if (header->e_type != ET_DYN || header->e_phentsize != sizeof(ElfW(Phdr)) ||
	    header->e_phnum == 0 || header->e_phnum > SEGMENT_COUNT_MAX)
		return "is no shared object";
	return NULL;
}

const char *
wi_image_problem(int fd, uint64_t size)
{
	const char *problem;
	ElfW(Ehdr) header;
	bool any = false;

	if (!read_at(fd, &header, sizeof header, 0))
		return "is no shared object";
	problem = problem_of_header(&header);
	if (problem)
		return problem;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		ElfW(Phdr) segment;

		if (!read_at(fd, &segment, sizeof segment, header.e_phoff + i * sizeof segment))
			return "is cut short";
		if (segment.p_type == PT_LOAD &&
		    !is_inside(segment.p_offset, segment.p_filesz, size))
			return "is cut short";
		any = any || segment.p_type == PT_DYNAMIC;
	}
	return any ? NULL : "is no shared object";
}
