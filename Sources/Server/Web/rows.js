// The rows that the page holds: sorted, in chunks, each with the sum of its rows' heights. A row is found by its place
// in the order or by its distance from the top in steps that do not grow with the number of rows.

const chunkRows = 512;

export class Rows {
  chunks = [];
  count = 0;
  size = 0;
  height = 0;
  #compare;
  #estimate;

  /** @param estimate the height of a row that has not been measured */
  constructor(compare, estimate) {
    this.#compare = compare;
    this.#estimate = estimate;
  }

  get first() { return this.chunks[0]?.rows[0] ?? null; }
  get last() { return this.chunks.at(-1)?.rows.at(-1) ?? null; }

  clear() {
    this.chunks = [];
    this.count = this.size = this.height = 0;
  }

  *[Symbol.iterator]() {
    for (const chunk of this.chunks) yield* chunk.rows;
  }

  // Places: which chunk, and where in it.

  /** Where a row is or would be. */
  #place(row) {
    let [low, high] = [0, this.chunks.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.chunks[middle].rows.at(-1), row) < 0) low = middle + 1;
      else high = middle;
    }
    const rows = this.chunks[low]?.rows ?? [];
    let [start, end] = [0, rows.length];
    while (start < end) {
      const middle = (start + end) >> 1;
      if (this.#compare(rows[middle], row) < 0) start = middle + 1;
      else end = middle;
    }
    return { chunk: low, index: start };
  }

  #at({ chunk, index }) { return this.chunks[chunk]?.rows[index] ?? null; }

  /** The row that is equal in the order, if it is here. */
  find(row) {
    const found = this.#at(this.#place(row));
    return found && this.#compare(found, row) === 0 ? found : null;
  }

  /** The first row that is not before another, which need not be here; without one the last. */
  nearest(row) { return this.#at(this.#place(row)) ?? this.last; }

  /** How many rows are before one. */
  indexOf(row) {
    const place = this.#place(row);
    let index = place.index;
    for (let number = 0; number < place.chunk; number++) index += this.chunks[number].rows.length;
    return index;
  }

  /** The rows from one on, or those before it, backwards. */
  *from(row, step = 1) {
    let { chunk, index } = this.#place(row);
    if (step < 0) index -= 1;
    for (;;) {
      const rows = this.chunks[chunk]?.rows;
      if (!rows) return;
      if (index < 0) {
        chunk -= 1;
        index = (this.chunks[chunk]?.rows.length ?? 0) - 1;
        if (chunk < 0) return;
      } else if (index >= rows.length) {
        chunk += 1;
        index = 0;
      } else {
        yield rows[index];
        index += step;
      }
    }
  }

  next(row, step = 1) {
    for (const other of this.from(row, step)) if (other !== row) return other;
    return null;
  }

  // Heights

  /** How far the top of a row is from that of the first. */
  offsetOf(row) {
    const place = this.#place(row);
    let offset = 0;
    for (let number = 0; number < place.chunk; number++) offset += this.chunks[number].height;
    const rows = this.chunks[place.chunk]?.rows ?? [];
    for (let index = 0; index < place.index; index++) offset += rows[index].height;
    return offset;
  }

  /** The row at a distance from the top, and where its own top is. */
  atOffset(offset) {
    let top = 0;
    for (const [number, chunk] of this.chunks.entries()) {
      if (offset >= top + chunk.height && number < this.chunks.length - 1) {
        top += chunk.height;
        continue;
      }
      for (const [index, row] of chunk.rows.entries()) {
        if (offset < top + row.height || index === chunk.rows.length - 1) return { row, top };
        top += row.height;
      }
    }
    return null;
  }

  setHeight(row, height) {
    const chunk = this.chunks[this.#place(row).chunk];
    chunk.height += height - row.height;
    this.height += height - row.height;
    row.height = height;
    row.isMeasured = true;
  }

  /** Forgets what was measured: the rows have another form now. */
  estimateAll() {
    this.height = 0;
    for (const chunk of this.chunks) {
      chunk.height = 0;
      for (const row of chunk.rows) {
        row.height = this.#estimate(row);
        row.isMeasured = false;
        chunk.height += row.height;
      }
      this.height += chunk.height;
    }
  }

  // Change

  /**
   * Adds rows, which are in order; those that are here already are left out.
   * @returns those that were added
   */
  add(rows) {
    const added = [];
    for (const row of rows) {
      const last = this.last;
      const difference = last ? this.#compare(last, row) : -1;
      if (difference === 0) continue;
      const place = difference < 0 ? this.#end() : this.#place(row);
      const found = this.#at(place);
      if (found && this.#compare(found, row) === 0) continue;
      this.#insert(place, row);
      added.push(row);
    }
    return added;
  }

  #end() {
    const chunk = Math.max(0, this.chunks.length - 1);
    return { chunk, index: this.chunks[chunk]?.rows.length ?? 0 };
  }

  #insert({ chunk: number, index }, row) {
    if (this.chunks.length === 0) this.chunks.push({ rows: [], height: 0 });
    if (index === 0 && number > 0 && this.chunks[number - 1].rows.length < chunkRows) {
      // A page before the others fills one chunk, not one for each row.
      number -= 1;
      index = this.chunks[number].rows.length;
    }
    let chunk = this.chunks[number];
    if (chunk.rows.length >= chunkRows) {
      chunk = this.#split(number, index);
      index = Math.min(index, chunk.at);
      chunk = chunk.chunk;
    }
    row.height = this.#estimate(row);
    chunk.rows.splice(index, 0, row);
    chunk.height += row.height;
    this.height += row.height;
    this.#account(row, 1);
  }

  /** Makes room in a full chunk; at its ends, where most rows come, by a new one. */
  #split(number, index) {
    const full = this.chunks[number];
    if (index === full.rows.length || index === 0) {
      const fresh = { rows: [], height: 0 };
      this.chunks.splice(index === 0 ? number : number + 1, 0, fresh);
      return { chunk: fresh, at: 0 };
    }
    const rest = full.rows.splice(index);
    const restHeight = rest.reduce((sum, row) => sum + row.height, 0);
    full.height -= restHeight;
    this.chunks.splice(number + 1, 0, { rows: rest, height: restHeight });
    return { chunk: full, at: full.rows.length };
  }

  remove(row) {
    const place = this.#place(row);
    if (this.#at(place) !== row) return;
    const chunk = this.chunks[place.chunk];
    chunk.rows.splice(place.index, 1);
    this.#forget(place.chunk, [row]);
  }

  /** Drops rows at the start, or at the end, until the rest is within a budget. */
  drop(isFirst, { rows: countMax, size: sizeMax }) {
    while (this.count > countMax || this.size > sizeMax) {
      const number = isFirst ? 0 : this.chunks.length - 1;
      const { rows } = this.chunks[number];
      const count = Math.min(Math.max(1, this.count - countMax), rows.length);
      this.#forget(number, rows.splice(isFirst ? 0 : rows.length - count, count));
    }
    // Lines stand between rows only: from the first and the last one on others are read.
    for (let row; (row = [this.first, this.last].find((each) => each?.divider)); ) this.remove(row);
  }

  #forget(number, rows) {
    const chunk = this.chunks[number];
    for (const row of rows) {
      chunk.height -= row.height;
      this.height -= row.height;
      this.#account(row, -1);
    }
    if (chunk.rows.length === 0) this.chunks.splice(number, 1);
  }

  #account(row, sign) {
    this.size += sign * row.size;
    if (!row.divider) this.count += sign;
  }
}
