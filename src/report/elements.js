// SPDX-License-Identifier: MIT
// elements.js - what the page is made of. Text from the data becomes text nodes and nothing else.

// make('p.note', {id: 'x'}, 'text', element, ...); what is null, undefined or false is left out.
function make(what, attributes, ...children) {
	const [tag, ...classes] = what.split('.');
	const element = document.createElement(tag);
	if (classes.length > 0)
		element.className = classes.join(' ');
	for (const [name, value] of Object.entries(attributes || {}))
		if (name === 'class' && value)
			element.classList.add(value);
		else if (value !== null && value !== undefined && value !== false)
			element.setAttribute(name, value);
	for (const child of children.flat(Infinity))
		if (child !== null && child !== undefined && child !== false)
			element.append(child);
	return element;
}

// Where all values are unknown there is nothing to say.
function facts(pairs) {
	const said = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
	return make('dl.facts', {}, said.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

// Wide things scroll in a box of their own, also by the keyboard.
function scrolling(label, child) {
	return make('div.scroll', { tabindex: 0, role: 'region', 'aria-label': label }, child);
}

// -- tables --------------------------------------------------------------------

const compare = {
	number: (a, b) => a - b,
	text: (a, b) => a.localeCompare(b, 'en', { numeric: true }),
};

// The unknown comes last in both directions.
function sortRows(rows, column, down) {
	const valueOf = (row) => column.value(row);
	const isThere = (value) => (column.quantity ? known(value) : words(value) !== '');
	const by = column.quantity ? compare.number : compare.text;
	return rows.slice().sort((a, b) => {
		const x = valueOf(a), y = valueOf(b);
		if (!isThere(x) || !isThere(y))
			return isThere(y) - isThere(x);
		return down ? by(y, x) : by(x, y);
	});
}

function makeCell(row, column) {
	if (column.cell)
		return make(column.quantity ? 'td.number' : 'td', { class: column.screen && 'screen' }, column.cell(row));
	return column.quantity ? make('td.number', {}, column.format.show(column.value(row)))
	                       : make('td', {}, words(column.value(row)) || UNKNOWN);
}

/*
 * columns: {title, value: row => number or string, quantity (numbers), cell: row => what is shown,
 * still: true for what cannot be sorted by, each: true for a unit in each cell}. Columns nothing is known of are left out. options:
 * {label, rowClass, limit}.
 */
function sortable(columns, rows, options) {
	const shown = columns.filter((column) => column.cell || rows.some((row) => (column.quantity
		? known(column.value(row)) : words(column.value(row)) !== '')));
	for (const column of shown)
		if (column.quantity)
			column.format = forColumn(rows.map(column.value), column.quantity, column.each);
	const body = make('tbody');
	const more = make('button.more', { type: 'button' }, `Show all ${fixed(rows.length, 0)}`);
	let order = rows, limit = options.limit || Infinity;
	const fill = () => {
		body.replaceChildren(...order.slice(0, limit).map((row) => {
			const line = make('tr', {}, shown.map((column) => makeCell(row, column)));
			line.className = options.rowClass ? options.rowClass(row) : '';
			return line;
		}));
		more.hidden = order.length <= limit;
	};
	more.addEventListener('click', () => { limit = Infinity; fill(); });
	const hasUnits = shown.some((column) => column.quantity && column.format.unit !== '');
	const heads = shown.map((column) => {
		const unit = column.quantity ? column.format.unit : '';
		const inner = column.still ? column.title : make('button', { type: 'button' }, column.title);
		return make(column.quantity ? 'th.number' : 'th', { scope: 'col', class: column.screen && 'screen' }, inner,
		            hasUnits && make('small', {}, unit));
	});
	const sortBy = (index, down) => {
		heads.forEach((head) => head.removeAttribute('aria-sort'));
		heads[index].setAttribute('aria-sort', down ? 'descending' : 'ascending');
		order = sortRows(rows, shown[index], down);
		fill();
	};
	heads.forEach((head, index) => {
		const button = head.querySelector('button');
		if (button)
			button.addEventListener('click', () => sortBy(index, head.getAttribute('aria-sort') === 'ascending'));
	});
	fill();
	return [scrolling(options.label, make('table', {}, make('thead', {}, make('tr', {}, heads)), body)),
	        more];
}

// -- text to copy --------------------------------------------------------------

// Pages from a file have the clipboard in most browsers; the old way is for the others.
async function copyText(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		const field = make('textarea', { readonly: '', 'aria-hidden': 'true' });
		field.value = text;
		document.body.append(field);
		field.select();
		const copied = document.execCommand('copy');
		field.remove();
		return copied;
	}
}

function copyButton(label, name, text) {
	const button = make('button', { type: 'button', 'aria-label': `Copy ${name}`, 'aria-live': 'polite' }, label);
	button.addEventListener('click', async () => {
		button.textContent = await copyText(text) ? 'Copied' : 'Not copied';
		setTimeout(() => { button.textContent = label; }, 2000);
	});
	return button;
}

function copyable(name, text, wraps) {
	return make('div.copy', {}, make(wraps ? 'pre.wraps' : 'pre', { tabindex: 0 }, make('code', {}, text)),
	            copyButton('Copy', name, text));
}

// A choice of one of a few, with a name.
function choose(label, names, chosen, onChange) {
	const select = make('select', {}, names.map((name, i) => make('option', { value: i }, name)));
	select.selectedIndex = chosen;
	select.addEventListener('change', () => onChange(select.selectedIndex));
	return make('label', {}, `${label} `, select);
}
