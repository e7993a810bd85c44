// The list: a window of rows over a scroller of the height of all. Whatever changes, the row at the top keeps its
// place: the anchor, a row and how far its top is from that of the scroller. Only this file writes `scrollTop`.

import { byID } from "./dom.js";

const overscanPixels = 300;

/** While entries come faster than this, the end is painted a few times a second: nobody could read more. */
const fastRate = 1_000;
const fastPaintMilliseconds = 250;

export class List {
  /** Whether the last row stays in sight. */
  isFollowing = true;
  #rows;
  #scroller = byID("scroller");
  #spacer = byID("spacer");
  #window = byID("rows");
  #elements = new Map();
  #anchor = null;
  /** Where the scroller was put; elsewhere, the reader has moved it. */
  #expected = 0;
  #frame = 0;
  #painted = 0;
  #width = 0;
  #told;
  rate = () => 0;

  /**
   * @param told `render(row)` an element, `hasFixedHeight(row)`, `moved(isUp)`, `painted(rows)`, `nearEdge()`
   */
  constructor(rows, told) {
    this.#rows = rows;
    this.#told = told;
    const scroller = this.#scroller;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    scroller.addEventListener("wheel", (event) => {
      if (event.deltaY < 0 && scroller.scrollTop > 0) this.#release();
    }, { passive: true });
    let touched = 0;
    scroller.addEventListener("touchstart", (event) => { touched = event.touches[0].clientY; }, { passive: true });
    scroller.addEventListener("touchmove", (event) => {
      if (event.touches[0].clientY > touched + 4) this.#release();
    }, { passive: true });
    scroller.addEventListener("pointerdown", (event) => {
      // On the scroll bar: the reader wants to go somewhere.
      if (event.target === scroller) this.#release();
    });
    new ResizeObserver(() => this.#resized()).observe(scroller);
  }

  /** That of what is seen of rows: below the names of columns, which are in the scroller, too. */
  get height() { return this.#scroller.clientHeight - this.#spacer.offsetTop; }
  get width() { return this.#scroller.clientWidth; }

  #release() {
    if (!this.isFollowing) return;
    this.isFollowing = false;
    this.#told.moved(true);
  }

  #anchorAt(top) {
    const place = this.#rows.atOffset(top);
    if (!place?.row.divider) return place && { row: place.row, pixels: place.top - top };
    // A line may go; what is below it stays.
    return { row: this.#rows.next(place.row), pixels: place.top + place.row.height - top };
  }

  /** Takes over how far the reader has scrolled: what is above may have another height by now. */
  #settle() {
    const top = this.#scroller.scrollTop;
    if (Math.abs(top - this.#expected) < 1) return;
    const isUp = top < this.#expected;
    if (this.#anchor) this.#anchor.pixels -= top - this.#expected;
    this.#expected = top;
    if (isUp) this.#release();
    else if ( !this.isFollowing && top + this.height >= this.#rows.height - 2) this.#told.moved(false);
  }

  #scrolled() {
    this.#settle();
    this.paintSoon();
    this.#told.nearEdge();
  }

  #resized() {
    this.#told.resized();
    this.paintSoon();
  }

  /** Changes rows. What is read stays where it is. */
  change(action) {
    action();
    if (this.#anchor && !this.#rows.find(this.#anchor.row)) {
      const row = this.#rows.nearest(this.#anchor.row);
      this.#anchor = row && { row, pixels: Math.min(0, this.#anchor.pixels) };
    }
    this.paintSoon();
  }

  /** All rows look different now, or are others. */
  redraw() {
    this.#elements.clear();
    this.#window.replaceChildren();
    this.paintSoon();
  }

  redrawRow(row) {
    this.#elements.get(row)?.remove();
    this.#elements.delete(row);
    this.redrawHeight(row);
  }

  /** Something in an opened row has made it higher or lower. */
  redrawHeight(row) {
    row.isMeasured = false;
    this.paintSoon();
  }

  forgetWidth() {
    this.#width = 0;
    this.#spacer.style.minWidth = "";
  }

  follow() {
    this.isFollowing = true;
    this.paintSoon();
  }

  hold() { this.isFollowing = false; }

  /** Puts a row in sight; `share` is how far down. */
  goTo(row, share = 0.3) {
    this.isFollowing = false;
    this.#anchor = { row, pixels: Math.round(this.height * share) };
    this.paintSoon();
  }

  /** Moves as little as needed for a row to be in sight. */
  reveal(row) {
    const top = this.#rows.offsetOf(row);
    const from = this.#scroller.scrollTop;
    if (top < from) this.goTo(row, 0);
    else if (top + row.height > from + this.height) {
      this.isFollowing = false;
      this.#anchor = { row, pixels: Math.max(0, this.height - row.height) };
      this.paintSoon();
    }
  }

  /** The row at the top of what is seen, and the last one. */
  get seen() {
    const top = this.#scroller.scrollTop;
    return {
      first: this.#rows.atOffset(top)?.row ?? null, last: this.#rows.atOffset(top + this.height - 1)?.row ?? null,
    };
  }

  /** How far the ends of the rows are from what is seen. */
  get room() {
    const top = this.#scroller.scrollTop;
    return { above: top, below: this.#rows.height - top - this.height };
  }

  /** Calls the action with each row that has an element, and the element. */
  eachShown(action) { this.#elements.forEach((made, row) => action(row, made)); }

  // Painting

  paintSoon() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const isFast = this.isFollowing && this.rate() > fastRate;
      if (isFast && performance.now() < this.#painted + fastPaintMilliseconds) return this.paintSoon();
      this.#paint();
    });
  }

  get #target() {
    const most = Math.max(0, this.#rows.height - this.height);
    if (this.isFollowing) return most;
    if (!this.#anchor) return 0;
    return Math.min(most, Math.max(0, this.#rows.offsetOf(this.#anchor.row) - this.#anchor.pixels));
  }

  #paint() {
    this.#painted = performance.now();
    const scroller = this.#scroller;
    if (Math.abs(scroller.scrollTop - this.#expected) >= 1 && this.#rows.count > 0) {
      // The reader has moved since the last event.
      if (scroller.scrollTop < this.#expected || !this.isFollowing) this.#settle();
    }
    let shown = [];
    let top = 0;
    for (let pass = 0; pass < 4; pass++) {
      const target = this.#target;
      ({ shown, top } = this.#around(target));
      this.#place(shown, top);
      if (!this.#measure(shown)) break;
    }
    this.#spacer.style.height = `${this.#rows.height}px`;
    this.#keepWidth();
    const target = this.#target;
    if (Math.abs(scroller.scrollTop - target) >= 1) scroller.scrollTop = target;
    this.#expected = scroller.scrollTop;
    this.#anchor = this.#anchorAt(this.#expected);
    this.#told.painted(shown);
  }

  #around(target) {
    const start = this.#rows.atOffset(Math.max(0, target - overscanPixels));
    if (!start) return { shown: [], top: 0 };
    const shown = [];
    const end = target + this.height + overscanPixels;
    let offset = start.top;
    for (const row of this.#rows.from(start.row)) {
      if (offset >= end) break;
      shown.push(row);
      offset += row.height;
    }
    return { shown, top: start.top };
  }

  /** Has the document show these rows, and keeps the elements of those that it showed before. */
  #place(shown, top) {
    const wanted = new Set(shown);
    for (const [row, made] of this.#elements) {
      if (wanted.has(row)) continue;
      made.remove();
      this.#elements.delete(row);
      // What was opened in it is made anew, and may be of another height.
      if (row.isOpen) row.isMeasured = false;
    }
    let before = this.#window.firstChild;
    for (const row of shown) {
      let made = this.#elements.get(row);
      if (!made) {
        made = this.#made(row);
        this.#elements.set(row, made);
      }
      if (made === before) before = before.nextSibling;
      else this.#window.insertBefore(made, before);
    }
    this.#window.style.transform = `translateY(${top}px)`;
  }

  /** A row that cannot be shown must not keep the others from it. */
  #made(row) {
    try {
      return this.#told.render(row);
    } catch (error) {
      const made = document.createElement("div");
      made.className = "row gap";
      made.textContent = `${row.stream}@${row.seq} cannot be shown: ${error.message}`;
      row.isOpen = false;
      return made;
    }
  }

  /** @returns whether a row is not as high as was thought */
  #measure(shown) {
    let isOther = false;
    for (const row of shown) {
      if (row.isMeasured || this.#told.hasFixedHeight(row)) continue;
      const height = this.#elements.get(row).offsetHeight;
      if (height !== row.height) isOther = true;
      this.#rows.setHeight(row, height);
    }
    return isOther;
  }

  /** Rows that are wider than those before widen the list, which does not become narrower again as they leave. */
  #keepWidth() {
    const width = this.#window.scrollWidth;
    if (width <= this.#width) return;
    this.#width = width;
    this.#spacer.style.minWidth = `${width}px`;
  }
}
