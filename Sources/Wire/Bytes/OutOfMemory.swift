internal import CSystem

/// Ends the process with a line on stderr that says how much was wanted for what. There is no going on without memory; what was
/// acknowledged is on disk.
package func outOfMemory(_ byteCount: Int, for purpose: String) -> Never {
  unsafe logs_out_of_memory(UInt64(byteCount), purpose)
}
