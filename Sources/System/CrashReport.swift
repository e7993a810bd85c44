internal import CSystem

/// The line that this process writes to stderr when it crashes.
package enum CrashReport {
  /// From now on a crash is reported in one line before the process ends.
  ///
  /// - Parameters:
  ///   - program: the name at the start of the line.
  ///   - advice: what to do, in at most 511 bytes.
  package static func prepare(program: String, advice: String) { unsafe logs_report_crashes(program, advice) }
}
