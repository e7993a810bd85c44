internal import CSystem

/// What this process says on stderr when it crashes.
package enum CrashReport {
  /// From now on a crash is reported in one line before the process ends.
  ///
  /// - Parameters:
  ///   - program: whose line it is.
  ///   - advice: what to do, in at most 511 bytes.
  package static func prepare(program: String, advice: String) { unsafe logs_report_crashes(program, advice) }
}
