-- Ended sessions whose access tokens are not over yet. They outlive the session's row: an erasure
-- takes that away, not this.
CREATE TABLE IF NOT EXISTS revocations (
    sid VARCHAR(32) NOT NULL COMMENT '已结束的会话编号',
    revoked_at BIGINT NOT NULL COMMENT '结束时间（毫秒）',
    valid_until BIGINT NOT NULL COMMENT '该会话最后一个令牌的到期时间（毫秒）',
    PRIMARY KEY (sid),
    KEY revocations_order (revoked_at, sid),
    KEY revocations_valid_until (valid_until)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '已撤销的会话';

-- Register tickets that were used, kept until they could not be used any more.
CREATE TABLE IF NOT EXISTS used_tickets (
    id VARCHAR(32) NOT NULL COMMENT '已用过的注册凭证编号',
    expires_at BIGINT NOT NULL COMMENT '到此时间后可以忘记（毫秒）',
    PRIMARY KEY (id),
    KEY used_tickets_expires_at (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = '已用过的注册凭证';
