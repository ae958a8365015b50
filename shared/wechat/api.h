/* api.h - api.weixin.qq.com as bytes: requests to build and answers to parse; client.h sends. */
#ifndef WECHAT_API_H
#define WECHAT_API_H

#include "wechat/answer.h"
#include "wechat/errcode.h"
#include "wechat/request.h"

#endif
