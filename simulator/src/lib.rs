//! A crash-consistency simulator and fuzzing harness for journals and write-ahead logs.
