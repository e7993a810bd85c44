/// Why a producer has dropped entries.
public enum DropReason: String, Hashable, Sendable {
  case queueFull = "queue full"
  case spoolFull = "spool full"
  case tooOld = "too old"
  /// They were in a damaged part of the spool.
  case spoolDamaged = "spool damaged"
}
