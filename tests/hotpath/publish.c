/* SPDX-License-Identifier: MIT */
/* publish.c - the hot path as a user's compiler makes it, for check.sh and step.c. */
#include "publish.h"

weir_status
hot_publish_8(weir_producer *producer, weir_topic topic, const void *data)
{
	return weir_publish(producer, topic, data, 8);
}

weir_status
hot_publish_48(weir_producer *producer, weir_topic topic, const void *data)
{
	return weir_publish(producer, topic, data, 48);
}

weir_status
hot_publish_64(weir_producer *producer, weir_topic topic, const void *data)
{
	return weir_publish(producer, topic, data, 64);
}

weir_status
hot_reserve_8(weir_producer *producer, weir_topic topic, void **ret_data)
{
	return weir_reserve(producer, topic, NULL, 8, ret_data);
}

weir_status
hot_reserve_48(weir_producer *producer, weir_topic topic, void **ret_data)
{
	return weir_reserve(producer, topic, NULL, 48, ret_data);
}

weir_status
hot_reserve_64(weir_producer *producer, weir_topic topic, void **ret_data)
{
	return weir_reserve(producer, topic, NULL, 64, ret_data);
}

weir_status
hot_commit(weir_producer *producer)
{
	return weir_commit(producer);
}

weir_status
hot_in_place_48(weir_producer *producer, weir_topic topic, const void *data)
{
	void *place;
	weir_status status = weir_reserve(producer, topic, NULL, 48, &place);

	if (status != WEIR_OK)
		return status;
	memcpy(place, data, 48);
	return weir_commit(producer);
}
