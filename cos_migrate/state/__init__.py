"""The record database: LevelDB, or RocksDB where there is no LevelDB."""
