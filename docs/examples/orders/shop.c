/* SPDX-License-Identifier: MIT */
/* shop.c - see shop.h. */
#include "shop.h"

#include "check.h"

void
shop_open(struct shop *shop, weir_bus *bus, struct orders *orders)
{
	*shop = (struct shop){
		.orders = orders,
		.operations = {[ORDER_CREATE] = WEIR_CREATE, [ORDER_UPDATE] = WEIR_UPDATE,
	                       [ORDER_DELETE] = WEIR_DELETE},
	};
	check(weir_service_open(bus, "order", NULL, &shop->service), "the service");
	/* An operation that has a name of its own. */
	check(weir_service_operation(shop->service, "pay", &shop->operations[ORDER_PAY]), "pay");
}

void
shop_close(struct shop *shop)
{
	weir_service_close(shop->service);
}

int
shop_serve(struct shop *shop, const struct order_request *request, struct order_result *ret_result)
{
	char wanted[ORDERS_JSON_SIZE], changed[ORDERS_JSON_SIZE];

	order_request_json(request, wanted);
	WEIR_OPERATION(call, shop->service, shop->operations[request->action],
	               .key = request->number, .data = weir_json(wanted), .actor = "web",
	               .user_id = "clerk") {
		if (orders_perform(shop->orders, request, ret_result)) {
			weir_call_fail(&call, ret_result->code, ret_result->problem);
			break;
		}
		order_change_json(&ret_result->change, changed);
		weir_call_succeed(&call, weir_json(changed));
	}
	return ret_result->code;
}
