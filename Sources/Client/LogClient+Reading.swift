// MARK: - Reading page by page

extension LogClient {
  /// The most entries in one page.
  public static let pageEntryCountMax = 10_000

  /// Reads the next entries of a stream that are stored now, without following it.
  ///
  /// For programs whose callers keep the position, such as a mobile app that sends the last sequence number it has. A
  /// stream that does not exist gives an empty page with head 0.
  /// - Parameters:
  ///   - stream: which one.
  ///   - sequence: the last one read; 0 for none.
  ///   - incarnation: the one that the sequence number belongs to, from the previous page. Without it, a stream whose
  ///   history was replaced is not noticed.
  ///   - limit: entries of the page, 1 to 10,000. It holds fewer only when no more are stored or they are very large.
  ///   - wait: how long to wait for an entry when there is none.
  ///   - filter: which entries are wanted. The page's cursor moves past the others as well.
  /// - Throws: as the form for many streams.
  public func read(
    _ stream: StreamName, after sequence: UInt64 = 0, of incarnation: Incarnation = .any, limit: Int = 500,
    wait: Duration = .zero, filter: Filter? = nil
  ) async throws(LogError) -> ReadPage {
    let position = CursorPosition(stream: stream, incarnation: incarnation, sequence: sequence)
    return try await read([.stream(stream)], after: LogCursor([position]), limit: limit, wait: wait, filter: filter)
  }

  /// Reads the next entries of streams that are stored now, without following them.
  ///
  /// All streams share the limit and take turns, so that a busy one does not keep the others out of every page.
  /// - Parameters:
  ///   - selectors: names and patterns, 1 to 1,024.
  ///   - cursor: the one of the previous page. Streams that are not in it are read from their first entry.
  ///   - limit: entries of the page, 1 to 10,000. It holds fewer only when no more are stored or they are very large.
  ///   - wait: how long to wait for an entry when there is none.
  ///   - filter: which entries are wanted. The page's cursor moves past the others as well.
  /// - Throws: `LogError`: `refused` (`stream_replaced` if the cursor belongs to another history, `cursor_ahead` if the
  ///   server does not have what was read), `invalidRequest`, `closed`, `gaveUp`, `cancelled`, `damaged`.
  public func read(
    _ selectors: [StreamSelector], after cursor: LogCursor = LogCursor(), limit: Int = 500, wait: Duration = .zero,
    filter: Filter? = nil
  ) async throws(LogError) -> ReadPage {
    guard (1...Self.pageEntryCountMax).contains(limit) else {
      throw LogError(
        .invalidRequest,
        "a page has 1 to \(Self.pageEntryCountMax) entries, not \(limit); read several pages, or follow the streams")
    }
    let page = try await page(selectors, after: cursor, limit: limit, filter)
    guard wait > .zero, page.entries.isEmpty, page.skipped.isEmpty else { return page }
    guard try await comes(selectors, after: page.cursor, within: wait, filter) else { return page }
    return try await self.page(selectors, after: page.cursor, limit: limit, filter)
  }

  private func page(
    _ selectors: [StreamSelector], after cursor: LogCursor, limit: Int, _ filter: Filter?
  ) async throws(LogError) -> ReadPage {
    let end = FollowEnd(atHead: true, limit: UInt64(limit))
    var reader = PageReader(after: cursor, of: selectors)
    for try await event in follow(selectors, until: end, cursor: cursor, filter: filter) {
      try reader.take(event)
      if reader.isFull { return reader.page }
    }
    guard let reason = reader.end else { throw .cancelled("reading a page") }
    if reason == .cancelled { throw .closed }
    return reader.page
  }

  /// Waits until something is stored after the cursor, or nothing ever will be.
  ///
  /// - Returns: false if the time is over.
  private func comes(
    _ selectors: [StreamSelector], after cursor: LogCursor, within wait: Duration, _ filter: Filter?
  ) async throws(LogError) -> Bool {
    let news = follow(selectors, until: FollowEnd(limit: 1), cursor: cursor, filter: filter)
    return try await withTaskGroup { group in
      group.addTask { () -> Result<Bool, LogError>? in
        do throws(LogError) {
          for try await event in news {
            switch event {
            case .skipped(let skip) where skip.reason == .filtered: break
            case .batch, .skipped, .ended: return .success(true)
            case .announced, .resolved, .deleted, .live, .behind, .interrupted, .resumed: break
            }
          }
          return nil
        } catch { return .failure(error) }
      }
      group.addTask {
        do { try await Task.sleep(for: wait) } catch { return nil }
        return .success(false)
      }
      // Neither: the caller was cancelled.
      let first = await group.next() ?? nil
      group.cancelAll()
      return first ?? .failure(.cancelled("reading a page"))
    }.get()
  }
}
