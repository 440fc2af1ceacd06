CREATE TABLE `stated` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `label` enum('a','b'c','new
  KEY `g` (`y`) GLOBAL') DEFAULT NULL,
  `made` varchar(20) DEFAULT (concat(_utf8mb4'a')),
  `text` text DEFAULT NULL,
  `doc` json DEFAULT NULL,
  `y` int(11) NOT NULL,
  PRIMARY KEY (`id`, `y`),
  UNIQUE KEY `u` (`y`) BLOCK_SIZE 16384 GLOBAL
 ,
  KEY `g` (`y`) STORING (`made`, `te``xt`) BLOCK_SIZE 16384 GLOBAL COMMENT 'k\'s'
 partition by range columns(y)
(partition `q 0` values less than (5),
partition `q``1` values less than (MAXVALUE)) WITH COLUMN GROUP(each column),
  KEY `s``t` (`y`, `id`) BLOCK_SIZE 65536 LOCAL /*!80000 INVISIBLE */,
  FULLTEXT KEY `f` (`text`, `made`) WITH PARSER ngram PARSER_PROPERTIES=(ngram_token_size=3) BLOCK_SIZE 16384,
  UNIQUE  INDEX `mv` ((json_query(`doc`,'$.a' RETURNING unsigned WITHOUT ARRAY WRAPPER asis error on error null on empty null on mismatch)), `y`) BLOCK_SIZE 16384,
  VECTOR KEY `vi` (`v`) WITH (DISTANCE=L2, TYPE=HNSW, LIB=VSAG, M=16) BLOCK_SIZE 16384,
  CONSTRAINT `nope` CHECK ((`y` > 1))  NOT ENFORCED
) ORGANIZATION INDEX AUTO_INCREMENT = 1005 AUTO_INCREMENT_MODE = 'NOORDER' AUTO_INCREMENT_CACHE_SIZE = 77 DEFAULT CHARSET = utf8mb4 ROW_FORMAT = DYNAMIC COMPRESSION = 'lz4_1.0' REPLICA_NUM = 1 BLOCK_SIZE = 16384 USE_BLOOM_FILTER = FALSE ENABLE_MACRO_BLOCK_BLOOM_FILTER = FALSE TABLET_SIZE = 134217728 PCTFREE = 0 TABLEGROUP = 'one' PROGRESSIVE_MERGE_NUM = 7 COMMENT = 'it\'s' READ ONLY TABLE_MODE = 'QUEUING' TTL = (d + interval 1 day) KV_ATTRIBUTES = '{"Hbase": {"TimeToLive": 3600}}' LOB_INROW_THRESHOLD=0 PARALLEL 4 NEW_THING = (a (b)) MERGE_ENGINE = DELETE_INSERT
 partition by range(y) subpartition by list columns(id) subpartition template (
subpartition `sa` values in ('a','it's'),
subpartition `sd` values in (DEFAULT))
(partition `p0` values less than (10),
partition `p1` values less than (MAXVALUE)) WITH COLUMN GROUP(all columns, each column)
