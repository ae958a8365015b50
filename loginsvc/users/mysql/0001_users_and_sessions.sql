-- Times are Unix milliseconds. Texts compare byte by byte: openids differ in case alone.
-- Every statement is harmless when it runs again (mysql_schema.h).

CREATE TABLE IF NOT EXISTS users (
    id BIGINT NOT NULL AUTO_INCREMENT COMMENT '用户编号，删除后不再使用',
    appid VARCHAR(32) NOT NULL COMMENT '所属小程序的 appid',
    openid VARCHAR(64) NULL COMMENT '用户在该小程序内的 openid，空表示仅凭手机号注册',
    unionid VARCHAR(64) NULL COMMENT '同一开放平台账号下的 unionid',
    phone VARBINARY(255) NULL COMMENT '加密后的手机号，只能与 appid 和用户编号一起解开',
    phone_index VARBINARY(32) NULL COMMENT '查找手机号用的带密钥摘要',
    phone_proved_at BIGINT NULL COMMENT '微信最近一次证明该手机号属于此用户的时间',
    country_code VARCHAR(8) NOT NULL DEFAULT '' COMMENT '手机号的国家或地区代码',
    nickname VARCHAR(256) NOT NULL COMMENT '昵称',
    avatar VARCHAR(1024) NOT NULL COMMENT '头像地址',
    created_at BIGINT NOT NULL COMMENT '创建时间（毫秒）',
    updated_at BIGINT NOT NULL COMMENT '资料更新时间（毫秒）',
    last_login_at BIGINT NOT NULL COMMENT '最近登录时间（毫秒）',
    PRIMARY KEY (id),
    UNIQUE KEY users_openid (appid, openid),
    KEY users_phone (appid, phone_index) COMMENT '不唯一：一个手机号可以属于多个用户'
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '小程序用户';

CREATE TABLE IF NOT EXISTS sessions (
    id VARCHAR(32) NOT NULL COMMENT '会话编号，即令牌中的 sid',
    user_id BIGINT NOT NULL COMMENT '所属用户',
    refresh_hash VARBINARY(32) NOT NULL COMMENT '刷新令牌的 SHA-256',
    device VARCHAR(256) NOT NULL COMMENT '登录的终端',
    created_at BIGINT NOT NULL COMMENT '登录时间（毫秒）',
    last_used_at BIGINT NOT NULL COMMENT '最近使用时间（毫秒）',
    expires_at BIGINT NOT NULL COMMENT '到期时间（毫秒）',
    ended_at BIGINT NULL COMMENT '提前结束的时间（毫秒），空表示未提前结束',
    PRIMARY KEY (id),
    KEY sessions_user (user_id),
    KEY sessions_expires_at (expires_at),
    CONSTRAINT sessions_of_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '每个终端的登录会话';

CREATE TABLE IF NOT EXISTS key_check (
    id INT NOT NULL COMMENT '恒为 1',
    sealed VARBINARY(255) NOT NULL COMMENT '用 DATA_KEY 加密的标记，用来拒绝错误的密钥',
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '数据密钥校验';

CREATE TABLE IF NOT EXISTS heartbeat (
    id INT NOT NULL COMMENT '恒为 1',
    beats BIGINT NOT NULL COMMENT '就绪检查写入的计数',
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '可写性检查';

INSERT IGNORE INTO heartbeat VALUES (1, 0);
