#if PLANTED_BUGS
  internal import Glibc
  internal import LogsWire

  /// A mistake that a server of a debug build makes on purpose, for the tests that must notice it.
  ///
  /// One mistake per process, named by `LOGSD_PLANTED_BUG` when it starts. Release builds do not contain any of this.
  package enum PlantedBug: String, CaseIterable, Sendable {
    /// Answers go out before the COMMIT that makes their batches durable, and what is answered is lost with the process
    /// (P2).
    case ackBeforeCommit = "ack-before-commit"
    /// A mark becomes durable only with a later transaction, the one that brings the table of marks up to date: a start
    /// after a crash does not look for marks in the rows, and stores again what is sent again (P4).
    case markApart = "mark-apart"
    /// When a stream goes live, it continues one entry after the point where its backfill ended, and the entry between
    /// is reported as filtered: the cover is complete, the delivery is not (P5, P6).
    case liveOffByOne = "live-off-by-one"
    /// A range that was trimmed or deleted is said to be one number shorter than it is (P5).
    case skipTooShort = "skip-too-short"
    /// A start takes the last number that it finds in the newest segment for a stream's head: a stream that has nothing
    /// in it gives its last numbers again (P1, P4).
    case headFallsBack = "head-falls-back"

    /// A group is acknowledged without its record in the journal (P2).
    case journalUnwritten = "journal-unwritten"
    /// A start leaves in the journal what is not in the segment (P2).
    case journalForgotten = "journal-forgotten"

    package static let variable = "LOGSD_PLANTED_BUG"

    /// The mistake of this process.
    package static let planted: PlantedBug? = {
      guard let value = unsafe getenv(variable) else { return nil }
      let name = unsafe String(cString: value)
      guard let bug = PlantedBug(rawValue: name) else {
        preconditionFailure("\(variable) takes \(allCases.map(\.rawValue).joined(separator: ", ")), not '\(name)'")
      }
      return bug
    }()

    /// How long answers are ahead of their COMMIT, so that a kill finds the gap.
    private static let leadMicroseconds: UInt32 = 10_000

    /// Answers a group that is not stored yet. The second answer is ignored.
    static func answer(_ replies: [Reply], _ sink: any StoreSink) {
      sink.committed(Commit(replies: replies, runs: []))
      usleep(leadMicroseconds)
    }
  }
#endif
