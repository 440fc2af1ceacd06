CREATE TABLE `shop`.`stated` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `label` enum('a','b\'c') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  `made` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT (concat(_utf8mb4'a')),
  `text` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  `doc` json,
  `y` int(11),
  PRIMARY KEY (`id`, `y`),
  UNIQUE KEY `u` (`y`) GLOBAL,
  KEY `g` (`y`) STORING (`made`, `te``xt`) GLOBAL COMMENT 'k\'s' PARTITION BY RANGE COLUMNS (`y`) (PARTITION `q 0` VALUES LESS THAN (5), PARTITION `q``1` VALUES LESS THAN (MAXVALUE)) WITH COLUMN GROUP (each column),
  KEY `s``t` (`y`, `id`) INVISIBLE,
  FULLTEXT KEY `f` (`text`, `made`) WITH PARSER ngram PARSER_PROPERTIES=(ngram_token_size=3),
  UNIQUE KEY `mv` ((json_query(`doc`,'$.a' RETURNING unsigned WITHOUT ARRAY WRAPPER asis error on error null on empty null on mismatch)), `y`),
  CONSTRAINT `nope` CHECK ((`y` > 1)) NOT ENFORCED
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ORGANIZATION INDEX COMPRESSION='lz4_1.0' TABLEGROUP=`one` AUTO_INCREMENT=1005 AUTO_INCREMENT_MODE = 'NOORDER' AUTO_INCREMENT_CACHE_SIZE = 77 TABLE_MODE = 'QUEUING' TTL = (d + interval 1 day) KV_ATTRIBUTES = '{"Hbase": {"TimeToLive": 3600}}' LOB_INROW_THRESHOLD = 0 MERGE_ENGINE = DELETE_INSERT COMMENT='it\'s' PARTITION BY RANGE (y) SUBPARTITION BY LIST COLUMNS (`id`) SUBPARTITION TEMPLATE (SUBPARTITION `a` VALUES IN ('a','it\'s'), SUBPARTITION `d` VALUES IN (DEFAULT)) (PARTITION `p0` VALUES LESS THAN (10), PARTITION `p1` VALUES LESS THAN (MAXVALUE)) WITH COLUMN GROUP (all columns, each column)

-- to a release before column groups, without the table group, in steps

CREATE TABLE `shop`.`stated` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `label` enum('a','b\'c') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  `made` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT (concat(_utf8mb4'a')),
  `text` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  `doc` json,
  `y` int(11),
  PRIMARY KEY (`id`, `y`),
  UNIQUE KEY `u` (`y`) GLOBAL,
  UNIQUE KEY `mv` ((json_query(`doc`,'$.a' RETURNING unsigned WITHOUT ARRAY WRAPPER asis error on error null on empty null on mismatch)), `y`),
  CONSTRAINT `nope` CHECK ((`y` > 1)) NOT ENFORCED
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMPRESSION='lz4_1.0' AUTO_INCREMENT=1005 AUTO_INCREMENT_MODE = 'NOORDER' AUTO_INCREMENT_CACHE_SIZE = 77 TABLE_MODE = 'QUEUING' TTL = (d + interval 1 day) KV_ATTRIBUTES = '{"Hbase": {"TimeToLive": 3600}}' LOB_INROW_THRESHOLD = 0 MERGE_ENGINE = DELETE_INSERT COMMENT='it\'s' PARTITION BY RANGE (y) SUBPARTITION BY LIST COLUMNS (`id`) SUBPARTITION TEMPLATE (SUBPARTITION `a` VALUES IN ('a','it\'s'), SUBPARTITION `d` VALUES IN (DEFAULT)) (PARTITION `p0` VALUES LESS THAN (10), PARTITION `p1` VALUES LESS THAN (MAXVALUE))

ALTER TABLE `shop`.`stated` ADD KEY `s``t` (`y`, `id`) INVISIBLE

ALTER TABLE `shop`.`stated` ADD KEY `g` (`y`) STORING (`made`, `te``xt`) GLOBAL COMMENT 'k\'s' PARTITION BY RANGE COLUMNS (`y`) (PARTITION `q 0` VALUES LESS THAN (5), PARTITION `q``1` VALUES LESS THAN (MAXVALUE))

ALTER TABLE `shop`.`stated` ADD FULLTEXT KEY `f` (`text`, `made`) WITH PARSER ngram PARSER_PROPERTIES=(ngram_token_size=3)

ALTER TABLE `shop`.`stated` ALTER INDEX `s``t` INVISIBLE

-- to another kind of server

CREATE TABLE `shop`.`stated` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `label` enum('a','b\'c') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  `made` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT (concat(_utf8mb4'a')),
  `text` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  `doc` longtext,
  `y` int(11),
  PRIMARY KEY (`id`, `y`),
  UNIQUE KEY `u` (`y`),
  KEY `g` (`y`) COMMENT 'k\'s',
  KEY `s``t` (`y`, `id`),
  FULLTEXT KEY `f` (`text`, `made`),
  UNIQUE KEY `mv` ((json_query(`doc`,'$.a' RETURNING unsigned WITHOUT ARRAY WRAPPER asis error on error null on empty null on mismatch)), `y`)
) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci COMMENT='it\'s' PARTITION BY RANGE (y) SUBPARTITION BY LIST COLUMNS (`id`) (PARTITION `p0` VALUES LESS THAN (10) (SUBPARTITION `p0sa` VALUES IN ('a','it\'s'), SUBPARTITION `p0sd` VALUES IN (DEFAULT)), PARTITION `p1` VALUES LESS THAN (MAXVALUE) (SUBPARTITION `p1sa` VALUES IN ('a','it\'s'), SUBPARTITION `p1sd` VALUES IN (DEFAULT)))

-- notes

-- vector index vi is not made on the other side

-- the table is READ ONLY here; the other side's is not, or no row could be written to it

-- table option NEW_THING is not known, and not set on the other side
