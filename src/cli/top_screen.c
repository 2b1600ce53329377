/* SPDX-License-Identifier: MIT */
/* top_screen.c - see top_screen.h. */
#include "top_screen.h"

#include "command.h"
#include "interrupt.h"
#include "stopwatch.h"
#include "top_lines.h"

#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILTER_SIZE = 64, SILENT_MAX = 20, ESCAPE = 27, DELETE = 127 };

struct screen {
	const struct wi_watch *watch;
	struct wi_snapshot *snapshot;
	struct wi_top_lines lines;
	enum wi_top_sort sort;
	char filter[FILTER_SIZE];
	size_t top;             /* first line that is shown below the head */
	bool paused, helping, typing, quit;
	int code;
};

static const char *const help[] = {
	"q        quit",
	"p space  pause, and go on",
	"s        sort by place in the file, rate, busy, name, failures",
	"/        filter by a part of a name or a pattern; Enter keeps it, Esc drops it",
	"up down  scroll; also Page Up, Page Down, Home",
	"h        this help; any key leaves it",
	"",
	"busy: of the dispatchers' time. waiting: events that a pool is not through",
	"with. wait: from an event's time to its first call. high: the most that was",
	"in a ring. full: part of the time that publishes were refused. slowest: the",
	"pool furthest behind. share: of the pool's busy time. p50, p99: of the calls.",
	"code: of the last failure. for: in this one call. a batch: its events. late:",
	"wake-ups that came too late. skipped: by a pool too far behind. mostly: the",
	"code that a handler failed with most often. #N: a producer without a name.",
	"A wider terminal has more columns."};

/* -- drawing ----------------------------------------------------------------- */

/* Only characters that the terminal's locale can show. */
static void
draw(int row, const char *text, int attributes)
{
	char plain[2048];

	snprintf(plain, sizeof(plain), "%s", text);
	for (char *at = plain; MB_CUR_MAX == 1 && *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	attrset(attributes);
	mvaddnstr(row, 0, plain, -1);
	attrset(A_NORMAL);
}

static int
attributes_of(enum wi_top_kind kind)
{
	switch (kind) {
	case WI_TOP_ALERT:
		return A_BOLD | (has_colors() ? COLOR_PAIR(1) : A_STANDOUT);
	case WI_TOP_TITLE:
		return A_REVERSE;
	default:
		return A_NORMAL;
	}
}

static void
draw_foot(const struct screen *screen)
{
	char text[256];

	if (screen->typing)
		snprintf(text, sizeof(text), "/%s_", screen->filter);
	else
		snprintf(text, sizeof(text), "%sq quit  p pause  s sort: %s  / filter%s%s  h help",
			 screen->paused ? "[paused]  " : "", wi_top_sort_text(screen->sort),
			 screen->filter[0] != '\0' ? ": " : "", screen->filter);
	draw(LINES - 1, text, A_BOLD);
}

static void
draw_lines(struct screen *screen)
{
	const struct wi_top_lines *lines = &screen->lines;
	size_t head = 0, room, rest;
	int row = 0;

	while (head < lines->count && lines->each[head].kind <= WI_TOP_ALERT)
		head++;
	/* The head stays, as long as something else has room. */
	for (size_t i = 0; i < head && row < LINES - 2; i++)
		draw(row++, lines->each[i].text, attributes_of(lines->each[i].kind));
	room = LINES - 1 > row ? (size_t)(LINES - 1 - row) : 0;
	rest = lines->count - head;
	if (screen->top + room > rest)
		screen->top = rest > room ? rest - room : 0;
	for (size_t i = head + screen->top; i < lines->count && row < LINES - 1; i++)
		draw(row++, lines->each[i].text, attributes_of(lines->each[i].kind));
}

static void
draw_all(struct screen *screen)
{
	const struct wi_top_view view = {(size_t)COLS, screen->sort, screen->filter};

	wi_top_lines_fini(&screen->lines);
	erase();
	if (screen->helping)
		for (int i = 0; i < (int)(sizeof(help) / sizeof(help[0])) && i < LINES - 1; i++)
			draw(i, help[i], A_NORMAL);
	else if (wi_top_lines_make(&screen->lines, screen->snapshot, &view))
		draw_lines(screen);
	draw_foot(screen);
	refresh();
}

/* -- keys -------------------------------------------------------------------- */

static void
type(struct screen *screen, int key)
{
	size_t length = strlen(screen->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER)
		screen->typing = false;
	else if (key == ESCAPE)
		screen->typing = false, screen->filter[0] = '\0';
	else if ((key == KEY_BACKSPACE || key == DELETE || key == '\b') && length > 0)
		screen->filter[length - 1] = '\0';
	else if (key >= ' ' && key < 256 && key != DELETE && length + 1 < FILTER_SIZE)
		screen->filter[length] = (char)key, screen->filter[length + 1] = '\0';
}

static void
scroll_by(struct screen *screen, long lines)
{
	if (lines < 0 && (size_t)-lines > screen->top)
		screen->top = 0;
	else
		screen->top += (size_t)lines;
}

static void
press(struct screen *screen, int key)
{
	if (screen->typing) {
		type(screen, key);
		return;
	}
	if (screen->helping && key != KEY_RESIZE && key != 'q') {
		screen->helping = false;
		return;
	}
	switch (key) {
	case 'q':
		screen->quit = true;
		break;
	case 'p':
	case ' ':
		screen->paused = !screen->paused;
		break;
	case 's':
		screen->sort = (screen->sort + 1) % WI_TOP_SORTS;
		break;
	case '/':
		screen->typing = true, screen->filter[0] = '\0';
		break;
	case 'h':
	case '?':
		screen->helping = true;
		break;
	case KEY_UP:
		scroll_by(screen, -1);
		break;
	case KEY_DOWN:
		scroll_by(screen, 1);
		break;
	case KEY_PPAGE:
		scroll_by(screen, 3 - LINES);
		break;
	case KEY_NPAGE:
		scroll_by(screen, LINES - 3);
		break;
	case KEY_HOME:
		screen->top = 0;
		break;
	default:
		break;
	}
}

/* A terminal that is gone is ready to be read for ever, and has nothing. */
static void
read_keys(struct screen *screen, bool ready)
{
	static int silent;
	int key = getch();

	silent = ready && key == ERR ? silent + 1 : 0;
	screen->quit = screen->quit || silent > SILENT_MAX;
	for (; key != ERR && !screen->quit; key = getch())
		press(screen, key);
}

/* -- the loop ---------------------------------------------------------------- */

static bool
look_again(struct screen *screen)
{
	struct wi_snapshot *next;

	/* Its last state is all that there will be. */
	if (screen->paused || screen->snapshot->state >= WI_SNAPSHOT_CLOSED)
		return true;
	screen->code = wi_watch_look(screen->watch, screen->snapshot, &next);
	if (screen->code != WI_EXIT_OK)
		return false;
	wi_snapshot_free(screen->snapshot);
	screen->snapshot = next;
	return true;
}

static void
show(struct screen *screen, struct wi_interrupt *interrupt, uint64_t interval_ns)
{
	uint64_t next_ns = wi_stopwatch_now() + interval_ns;

	while (!screen->quit && interrupt->signal == 0 && interrupt->hangup_count == 0) {
		uint64_t now_ns = wi_stopwatch_now();
		bool ready;

		if (now_ns >= next_ns) {
			if (!look_again(screen))
				break;
			next_ns = now_ns + interval_ns;
		}
		draw_all(screen);
		ready = wi_interrupt_wait(interrupt, STDIN_FILENO,
					  (int)((next_ns - now_ns) / WI_STOPWATCH_MS) + 1);
		read_keys(screen, ready);
	}
}

static void
set_up(void)
{
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
	}
}

int
wi_top_screen(const struct wi_watch *watch, struct wi_snapshot *snapshot, uint64_t interval_ns)
{
	struct screen screen = {.watch = watch, .snapshot = snapshot, .code = WI_EXIT_OK};
	struct wi_interrupt interrupt;
	FILE *errors = stderr;
	char *said = NULL;
	size_t said_size;
	SCREEN *terminal;

	setlocale(LC_CTYPE, "");
	if (!wi_interrupt_open(&interrupt) || (terminal = newterm(NULL, stdout, stdin)) == NULL) {
		wi_snapshot_free(snapshot);
		wi_watch_complain(watch, "this terminal cannot be used (TERM); see --once");
		return WI_EXIT_FAILED;
	}
	wi_interrupt_take_hangup(&interrupt);
	set_up();
	/* What is said meanwhile is said when the screen is the shell's again. */
	stderr = open_memstream(&said, &said_size);
	if (stderr == NULL)
		stderr = errors;
	show(&screen, &interrupt, interval_ns);
	endwin();
	delscreen(terminal);
	if (stderr != errors) {
		fclose(stderr);
		stderr = errors;
		fputs(said, stderr);
	}
	free(said);
	wi_top_lines_fini(&screen.lines);
	wi_snapshot_free(screen.snapshot);
	if (interrupt.signal != 0)
		return WI_EXIT_SIGNAL + interrupt.signal;
	return interrupt.hangup_count > 0 ? WI_EXIT_SIGNAL + SIGHUP : screen.code;
}
