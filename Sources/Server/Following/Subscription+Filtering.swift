internal import LogsStore
internal import LogsWire

/// What a filter changes (`spec/session.md`, section 5.8): what does not pass is skipped, and told now and then.
///
/// Evaluating may take long, so a reader thread does it: a stream at its head falls behind with each commit whose
/// headers do not decide alone. Subscriptions with equal filters that read the same share one read (`Hub`).
extension Subscription {
  /// How long a range that was left out may go untold.
  private static let skipDelay = Duration.seconds(1)

  /// What the headers of a commit's batches say. Nothing is evaluated here.
  func forecast(_ run: CommittedRun, _ track: Track) -> FilterForecast {
    guard let filter else { return .all }
    do {
      var sum: FilterForecast?
      for batch in try Batch.run(run.batches) {
        let forecast = try hub.evaluator.forecast(filter.filter, batch.header, stream: track.channel.name)
        if let earlier = sum, earlier != forecast { return .some }
        sum = forecast
      }
      return sum ?? .some
    } catch {
      // Who reads it meets the error again, and reports it.
      return .some
    }
  }

  // MARK: Skips

  /// Passes over a range that the filter leaves out.
  func skipFiltered(_ numbers: ClosedRange<UInt64>, _ track: Track) {
    if track.skipped == nil { skippedTracks.append(track.handle) }
    track.skipped =
      track.skipped.map {
        min($0.lowerBound, numbers.lowerBound)...max($0.upperBound, numbers.upperBound)
      } ?? numbers
    track.next = follow.isReverse ? numbers.lowerBound : numbers.upperBound + 1
    guard skipCall == nil else { return }
    skipCall = hub.thread.call(after: Self.skipDelay) { [weak self] in
      guard let self, !isOver else { return }
      skipCall = nil
      tellSkipped()
    }
  }

  /// Tells what was left out of a stream since the last time.
  func tellSkipped(_ track: Track) {
    guard let numbers = track.skipped else { return }
    track.skipped = nil
    host.tell(
      .skip(Skip(handle: track.handle, reason: .filtered, from: numbers.lowerBound, to: numbers.upperBound)), to: self)
  }

  /// Tells what was left out of all streams.
  func tellSkipped() {
    for handle in skippedTracks { tellSkipped(tracks[Int(handle)]) }
    skippedTracks = []
  }

  // MARK: The last entries

  /// How long the last entries that pass are looked for.
  private static let searchTimeMax = Duration.seconds(5)

  /// Looks back for the last `count` entries that pass.
  func findLast(_ count: UInt64, of track: Track) {
    unresolvedCount += 1
    track.wantedCount = count
    if searchCall == nil {
      searchCall = hub.thread.call(after: Self.searchTimeMax) { [weak self] in self?.isSearchOver = true }
    }
    hub.findLast(of: track, downFrom: track.headAtBeginning)
  }

  /// The answer to a part of the search.
  func lastFound(_ handle: UInt32, _ result: Result<ReadResult, StoreError>) {
    let track = tracks[Int(handle)]
    do throws(StoreError) {
      let result = try result.get()
      for case .batches(let run) in result.pieces {
        let count: UInt64
        do throws(WireDecodingError) {
          count = try BatchCut.entryCount(of: run, decoder: &hub.decoder)
        } catch { throw .undecodable(error, track.channel.name) }
        track.wantedCount -= min(count, track.wantedCount)
      }
      let isCut = isSearchOver && track.wantedCount > 0 && result.next > 0
      guard track.wantedCount == 0 || result.next == 0 || isCut else {
        return hub.findLast(of: track, downFrom: result.next)
      }
      unresolvedCount -= 1
      track.isSearchCut = isCut
      start(track, after: result.next, head: track.headAtBeginning)
      askForTurn()
    } catch {
      readFailed(error, track)
    }
  }
}
