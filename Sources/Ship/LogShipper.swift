public import LogsClient
internal import LogsWire

/// Ships the logs of other programs from within a service: what `logs ship` does, as a library.
///
///     let shipper = try await LogShipper.start(
///       """
///       [files app]
///       path = /var/log/app/*.log
///       mask = password=\\S+ => password=***
///       """, stateDirectory: "/var/lib/agent/ship", client: client)
///     ...
///     try await shipper.stop()
///
/// The configuration is that of `logs ship --config` (`docs/ship.md`). A state directory belongs to one shipper at a
/// time.
public final class LogShipper: Sendable {
  private let shipper: Shipper

  private init(_ shipper: Shipper) { self.shipper = shipper }

  /// Begins to read.
  ///
  /// - Parameters:
  ///   - stateDirectory: created if it is missing; the directory above it must exist.
  ///   - report: called with each line of the shipper's log, on its thread: it must return soon.
  /// - Throws: `LogError`: `invalidConfiguration`, `spoolInUse`, `spoolFailed`.
  public static func start(
    _ configuration: String, stateDirectory: String, client: LogClient,
    report: @escaping @Sendable (LogSeverity, String) -> Void = { _, _ in }
  ) async throws(LogError) -> LogShipper {
    let plan: ShipPlan
    do throws(ShipFileError) {
      plan = try ShipPlan(ShipFile(configuration, path: "configuration"), stateDirectory: stateDirectory)
    } catch { throw LogError(.invalidConfiguration, error.description) }
    do {
      let shipper = try await Shipper.start(plan.shipper, client: client, report: report)
      do {
        try await shipper.begin { _ throws in try plan.sources.map { try $0.source(host: plan.host) } }
      } catch {
        _ = try? await shipper.stop(drain: .zero)
        throw error
      }
      return LogShipper(shipper)
    } catch let error as LogError { throw error } catch {
      throw LogError(.invalidConfiguration, "the shipper cannot start: \(error)")
    }
  }

  /// How many entries have been read and are on disk or on the way there, and how many of them the server has not
  /// acknowledged.
  public var counts: (shipped: UInt64, waiting: UInt64) {
    get async {
      let status = await shipper.status
      return (status.shipped.entryCount, status.producer.waiting)
    }
  }

  /// Stops reading, ships what was read, and waits for the server for as long as the configuration says (`drain`).
  ///
  /// - Returns: whether everything was acknowledged; the rest stays in the state directory for the next shipper.
  /// - Throws: `LogError` if something that was read could not be stored: it will be read again.
  @discardableResult
  public func stop() async throws(LogError) -> Bool {
    do { return try await shipper.stop() } catch let error as LogError { throw error } catch {
      throw LogError(.spoolFailed, "what was read could not be stored: \(error)")
    }
  }
}
