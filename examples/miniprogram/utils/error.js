// 一次请求为什么没有成。message 是给用户看的中文，code 是给程序看的。
class ApiError extends Error {
  constructor(code, message, more) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = 0; // HTTP 状态；0 = 没有应答
    this.noAnswer = false; // 请求可能已被处理，只是应答没有收到
    this.lostBefore = 0; // 这次应答之前，同一请求丢过几次应答
    this.retryAfterS = 0; // 服务端要求等多久，0 = 没有要求
    Object.assign(this, more);
  }
}

// wx.request 的 fail。errno 5 和 errMsg 里的 timeout 是超时，其余都算网络不通。
ApiError.fromFail = function fromFail(fail) {
  const timedOut = fail.errno === 5 || /time(d )?out/i.test(fail.errMsg || '');
  return timedOut
    ? new ApiError('timeout', '网络超时，请稍后重试', { noAnswer: true })
    : new ApiError('network', '网络不可用，请检查网络后重试', { noAnswer: true });
};

function headerOf(response, name) {
  const headers = response.header || {};
  const key = Object.keys(headers).find((k) => k.toLowerCase() === name);
  return key ? headers[key] : undefined;
}

function retryAfterS(response) {
  const seconds = Number(headerOf(response, 'retry-after'));
  return seconds > 0 ? Math.ceil(seconds) : 0;
}

// 应答是 RFC 9457 的 problem+json；代理服务器的错误页不是，那就按状态说话。
ApiError.fromResponse = function fromResponse(response) {
  const problem = response.data && typeof response.data === 'object' ? response.data : {};
  const fallback = response.statusCode >= 500 ? '服务繁忙，请稍后重试' : '请求失败，请稍后重试';
  return new ApiError(problem.code || `http_${response.statusCode}`, problem.detail || fallback, {
    status: response.statusCode,
    errcode: problem.errcode,
    requestId: problem.request_id,
    retryAfterS: retryAfterS(response),
    problem,
  });
};

module.exports = ApiError;
