CREATE TABLE `shop`.`odd``name` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `price` decimal(10,2) NOT NULL DEFAULT 7.50,
  `label` enum('a','b\'c','x\\y','') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'b\'c' COMMENT 'don\'t
\\',
  `old` varchar(20) CHARACTER SET utf8 COLLATE utf8_bin,
  `made` int(11) GENERATED ALWAYS AS (`id` + 1) VIRTUAL,
  `kept` int(11) GENERATED ALWAYS AS ((`id` + 2)) STORED NOT NULL,
  `seen` timestamp(3) NULL DEFAULT NULL ON UPDATE current_timestamp(3),
  `born` datetime NOT NULL DEFAULT current_timestamp(),
  `guid` uuid NOT NULL DEFAULT (uuid()),
  `note` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
  `doc` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `bits` bit(7) NOT NULL DEFAULT b'101',
  `shape` point NOT NULL,
  `dark` int(11) NOT NULL DEFAULT 3,
  `small` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  PRIMARY KEY (`guid`),
  UNIQUE KEY `u` (`price`, `old`(5) DESC),
  KEY `by``note` (`note`(10)) COMMENT 'k\'s',
  KEY `counter` (`id`),
  KEY `expr` ((upper(`old`))),
  FULLTEXT KEY `f` (`note`, `doc`),
  SPATIAL KEY `s` (`shape`),
  CHECK (`price` > 0),
  CONSTRAINT `cheap` CHECK (`price` < 100),
  CHECK (json_valid(`doc`)),
  CONSTRAINT `named` FOREIGN KEY (`price`, `old`) REFERENCES `mall`.`t` (`a`, `b`) ON DELETE CASCADE ON UPDATE SET NULL,
  FOREIGN KEY (`id`) REFERENCES `shop`.`u` (`id`) ON DELETE RESTRICT
) DEFAULT CHARSET=utf8 COLLATE=utf8_bin COMMENT='it\'s "odd" \\ `x`
; -- #' PARTITION BY HASH (`id`) PARTITIONS 4;

CREATE TABLE `shop`.`odd``name` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `price` decimal(10,2) NOT NULL DEFAULT 7.50,
  `label` enum('a','b\'c','x\\y','') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'b\'c' COMMENT 'don\'t
\\',
  `old` varchar(20) CHARACTER SET utf8 COLLATE utf8_bin,
  `made` int(11) GENERATED ALWAYS AS (`id` + 1) VIRTUAL,
  `kept` int(11) GENERATED ALWAYS AS ((`id` + 2)) STORED NOT NULL,
  `seen` timestamp(3) NULL DEFAULT NULL ON UPDATE current_timestamp(3),
  `born` datetime NOT NULL DEFAULT current_timestamp(),
  `guid` uuid NOT NULL DEFAULT (uuid()),
  `note` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
  `doc` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `bits` bit(7) NOT NULL DEFAULT b'101',
  `shape` point NOT NULL,
  `dark` int(11) NOT NULL DEFAULT 3,
  `small` text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
  PRIMARY KEY (`guid`),
  UNIQUE KEY `u` (`price`, `old`(5) DESC),
  KEY `by``note` (`note`(10)) COMMENT 'k\'s',
  KEY `counter` (`id`),
  KEY `expr` ((upper(`old`))),
  FULLTEXT KEY `f` (`note`, `doc`),
  SPATIAL KEY `s` (`shape`),
  CHECK (`price` > 0),
  CONSTRAINT `cheap` CHECK (`price` < 100),
  CHECK (json_valid(`doc`))
) DEFAULT CHARSET=utf8 COLLATE=utf8_bin COMMENT='it\'s "odd" \\ `x`
; -- #' PARTITION BY HASH (`id`) PARTITIONS 4;

ALTER TABLE `shop`.`odd``name` ADD CONSTRAINT `named` FOREIGN KEY (`price`, `old`) REFERENCES `mall`.`t` (`a`, `b`) ON DELETE CASCADE ON UPDATE SET NULL;

ALTER TABLE `shop`.`odd``name` ADD FOREIGN KEY (`id`) REFERENCES `shop`.`u` (`id`) ON DELETE RESTRICT;
