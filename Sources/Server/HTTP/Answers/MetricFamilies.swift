internal import LogsStore

/// Writes metrics that have labels or steps in Prometheus's text format.
struct MetricFamilies {
  private(set) var text = ""

  private mutating func begin(_ name: String, _ kind: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
  }

  mutating func gauge(_ name: String, _ help: String, _ value: Int) {
    begin(name, "gauge", help)
    text += "\(name) \(value)\n"
  }

  mutating func counter(_ name: String, _ help: String, _ value: Int) {
    begin(name, "counter", help)
    text += "\(name) \(value)\n"
  }

  mutating func counter(_ name: String, _ help: String, _ counts: [(case: HTTPCounts.Case, count: Int)]) {
    begin(name, "counter", help)
    for (found, count) in counts {
      text += "\(name){route=\"\(found.route)\",code=\"\(found.status)\"} \(count)\n"
    }
  }

  mutating func counter(_ name: String, _ help: String, _ counts: [(reason: String, count: Int)]) {
    begin(name, "counter", help)
    for (reason, count) in counts {
      let label = reason.lowercased().split(separator: " ").joined(separator: "_")
      text += "\(name){reason=\"\(label)\"} \(count)\n"
    }
  }

  mutating func histogram(_ name: String, _ help: String, _ times: TimeHistogram) {
    begin(name, "histogram", help)
    var count = 0
    for (bound, step) in zip(TimeHistogram.bounds, times.counts) {
      count += step
      text += "\(name)_bucket{le=\"\(Self.seconds(bound))\"} \(count)\n"
    }
    count += times.counts.last ?? 0
    text += "\(name)_bucket{le=\"+Inf\"} \(count)\n\(name)_sum \(Self.seconds(times.sum))\n\(name)_count \(count)\n"
  }

  private static func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1_000_000_000 }
}

extension ServerContext {
  /// What `/metrics` has besides the facts. It concerns all streams.
  var metricFamilies: String {
    var families = MetricFamilies()
    let statistics = store.statistics
    families.histogram(
      "logs_commit_duration_seconds", "From BEGIN to the end of COMMIT, fsync included.", statistics.commitTimes)
    families.histogram(
      "logs_wal_sync_duration_seconds", "COMMIT itself: the WAL is written and made durable with fsync.",
      statistics.syncTimes)
    families.counter(
      "logs_http_requests_total", "Answers of HTTP by the path's form and the status code.", counters.http.all)
    families.counter(
      "logs_ended_connections_total", "Connections that ended badly, by reason.", connectionEnds.totals.all)
    families.counter(
      "logs_skipped_entries_total", "Entries that followers could not be sent, by reason.", counters.skippedEntries.all)
    families.gauge("logs_websockets", "Open WebSockets.", counters.webSockets.current)
    families.gauge("logs_running_queries", "Queries that are under way.", counters.queries.current)
    families.counter("logs_queries_total", "Queries that were begun.", counters.begunQueries.current)
    if let lag = lag.max {
      families.gauge(
        "logs_follower_lag_entries", "Entries that the follower most behind has not been sent.", Int(clamping: lag))
    }
    return families.text
  }
}
